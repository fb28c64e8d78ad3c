"""The programs that are compared, and the running of them in turn."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from environment import PeerError, run
from shapes import Shape

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Program:
    """One contestant: an engine with a format and a setting."""

    name: str
    engine: str  # "quire", "llama.cpp", "openvino"
    bits: int  # programs of equal bits are compared
    form: str  # the weights' format as the engine calls it
    repack: bool = True  # llama.cpp rearranges weights for the CPU at load


PROGRAMS = [
    Program("quire-int4", "quire", 4, "int4"),
    Program("quire-nl4", "quire", 4, "nl4"),
    Program("llama-q4_0", "llama.cpp", 4, "q4_0"),
    Program("llama-q4_0-norepack", "llama.cpp", 4, "q4_0", repack=False),
    Program("llama-q4_k_m", "llama.cpp", 4, "q4_k_m"),
    Program("llama-q4_k_m-norepack", "llama.cpp", 4, "q4_k_m", repack=False),
    Program("openvino-int4", "openvino", 4, "int4"),
    Program("quire-int8", "quire", 8, "int8"),
    Program("llama-q8_0", "llama.cpp", 8, "q8_0"),
    Program("llama-q8_0-norepack", "llama.cpp", 8, "q8_0", repack=False),
    Program("openvino-int8", "openvino", 8, "int8"),
]

# Activations quantized in groups as large as ours: faster than the default of 32 in every cell.
OPENVINO_SETTINGS = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 128}


@dataclass(frozen=True)
class Task:
    """What every program does in a round."""

    shape: Shape
    threads: int
    prompt_tokens: int
    batches: list[int]
    generate_tokens: int
    context: int
    repeat: int


class Contest:
    """Programs that take turns: A B C, B C A, … each in a process of its own, so that memory holds one at a time."""

    def __init__(self, task: Task, programs: list[Program], python: Path | None, quire: Path, models: Path, say):
        self.task = task
        self.programs = programs
        self.python = python
        self.quire = quire
        self.models = models
        self.say = say
        self.made: set[Path] = set()
        self.failed: list[Program] = []

    def run(self, rounds: int, minutes: float | None = None) -> list[dict]:
        """Results in the order in which they were measured: {"program", "round", "version", "cells", …}.

        A peer that fails is left out of all rounds; the programs that remain are compared. After so many minutes no
        program is begun, and an interrupt ends the contest: what has been measured until then counts."""
        self.prepare()
        results = []
        begin = time.monotonic()
        try:
            for turn, program in self.turns(rounds):
                if minutes and time.monotonic() - begin > 60 * minutes:
                    self.say(f"{minutes:g} minutes have passed: the rest is left out")
                    break
                if program not in self.failed:
                    self.say(f"round {turn + 1} of {rounds}: {program.name}")
                    self.take_turn(turn, program, results)
        except KeyboardInterrupt:
            self.say("interrupted: the rest is left out")
        return [result for result in results if result["program"] not in self.failed]

    def turns(self, rounds: int):
        """Who runs when: A B C, B C A, …"""
        for turn in range(rounds):
            start = turn % len(self.programs)
            for program in self.programs[start:] + self.programs[:start]:
                yield turn, program

    def take_turn(self, turn: int, program: Program, results: list[dict]) -> None:
        try:
            results.append({"program": program, "round": turn} | self.measure(program))
        except PeerError as error:
            self.give_up(program, error)

    def prepare(self) -> None:
        """Makes all model files before anything is measured: writing them out would disturb it."""
        for program in self.programs:
            if program.engine == "quire":
                continue
            try:
                self.model(program)
            except PeerError as error:
                self.give_up(program, error)
        os.sync()

    def give_up(self, program: Program, error: PeerError) -> None:
        if program.engine == "quire":
            raise error
        self.say(f"{program.name} is left out: {error}")
        self.failed.append(program)

    def measure(self, program: Program) -> dict:
        if program.engine == "quire":
            return self.measure_quire(program)
        task = self.task
        model = self.model(program)
        words = {
            "model": str(model), "threads": task.threads, "promptTokens": task.prompt_tokens, "batches": task.batches,
            "generateTokens": task.generate_tokens, "context": task.context, "repeat": task.repeat,
        }
        if program.engine == "openvino":
            return self.worker("openvino_worker.py", words | {"settings": OPENVINO_SETTINGS})
        return self.worker("llama_worker.py", words | {"repack": program.repack})

    def worker(self, script: str, words: dict) -> dict:
        return json.loads(self.output([str(self.python), str(HERE / script), json.dumps(words)]))

    def measure_quire(self, program: Program) -> dict:
        task = self.task
        prompts = ["--prompt-tokens", str(task.prompt_tokens), "--repeat", str(task.repeat)]
        steps = ["--generate-tokens", str(task.generate_tokens), "--batch", ",".join(map(str, task.batches))]
        runs = [prompts + steps + ["--context", "0"]]
        if task.context:  # which would hold for prompts as well
            runs = [
                prompts + ["--generate-tokens", "0"],
                ["--prompt-tokens", "0", "--context", str(task.context)] + steps,
            ]
        command = [
            str(self.quire), "bench", "--shape", task.shape.name, "--layers", str(task.shape.layers),
            "--scheme", program.form, "--threads", str(task.threads), "--json", "--quiet",
        ]
        reports = [json.loads(self.output(command + words)) for words in runs]
        cells = [row for report in reports for row in report["rows"]]
        for cell in cells:
            cell["seconds"] = [cell["medianSeconds"]]
            cell["tokens"] = cell["tokens"] if cell["phase"] == "prompt" else cell["batch"]
        return {
            "version": f"quire {reports[0]['version']}", "system": reports[0]["isa"], "cells": cells,
            "limits": reports[0]["limits"], "processor": reports[0]["machine"]["processor"],
        }

    def output(self, command: list[str]) -> str:
        outcome = subprocess.run(command, capture_output=True, text=True)
        if outcome.returncode != 0:
            last = outcome.stderr.strip().splitlines()[-1:] or [f"exit status {outcome.returncode}"]
            raise PeerError(f"{Path(command[0]).name} failed: {last[0]}")
        # A library may have talked before.
        return outcome.stdout.strip().splitlines()[-1]

    def model(self, program: Program) -> Path:
        """The peer's model file, made when it is not there."""
        shape = self.task.shape
        suffix = ".gguf" if program.engine == "llama.cpp" else ".xml"
        path = self.models / f"{shape.name}-{shape.layers}-{program.form}{suffix}"
        if path.exists():
            return path
        # Bits a parameter with scales: 4.9 on average in Q4_K_M, 8.5 in Q8_0; the 4-bit files keep an 8-bit head.
        needed = int(shape.parameters * (0.75 if program.bits == 4 else 1.1))
        self.models.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.models).free
        if free < needed:
            raise PeerError(
                f"{path.name} needs {needed / 1e9:.1f} GB on the disk, found {free / 1e9:.1f} GB free: free space or choose a smaller --shape"
            )
        self.say(f"making {path.name}")
        script = "gguf_model.py" if program.engine == "llama.cpp" else "openvino_model.py"
        partial = path.with_name("partial-" + path.name)
        self.made |= {path, path.with_suffix(".bin"), partial, partial.with_suffix(".bin")}
        words = [shape.name, str(shape.layers), program.form, str(partial)]
        run([str(self.python), str(HERE / script), *words], f"make {path.name}")
        if partial.with_suffix(".bin").exists():
            os.replace(partial.with_suffix(".bin"), path.with_suffix(".bin"))
        os.replace(partial, path)
        return path

    def remove_models(self) -> None:
        for path in self.made:
            path.unlink(missing_ok=True)
