"""How programs are started and asked for cells: quire by its own measurement, the others through workers."""

import json
import os
import signal
import subprocess
from pathlib import Path

from environment import PeerError
from programs import Cell, Program, Task

HERE = Path(__file__).resolve().parent
LIMITS = ("int8GMACPerSecond", "readGBPerSecond")
WORKERS = {"llama.cpp": "llama_worker.py", "openvino": "openvino_worker.py", "vllm": "vllm_worker.py"}


def last_line(text: str, fallback: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else fallback


def ending(code: int) -> str:
    """What an exit status says when the log says nothing: a signal by its name."""
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


class Quire:
    """quire bench: all cells of one kind in one process, with the limits that it measures between their repetitions."""

    def __init__(self, quire: Path, task: Task):
        self.quire = quire
        self.task = task
        self.about: dict = {}

    def bench(self, words: list[str]) -> dict:
        command = [str(self.quire), "bench", "--threads", str(self.task.threads), "--json", "--quiet"]
        outcome = subprocess.run(command + words, capture_output=True, text=True)
        if outcome.returncode != 0:
            raise PeerError(f"quire failed: {last_line(outcome.stderr, ending(outcome.returncode))}")
        return json.loads(outcome.stdout)

    def probe(self) -> dict:
        """The limits of the machine now, by a run that computes next to nothing."""
        words = ["--shape", "qwen3-0.6b", "--layers", "1", "--prompt-tokens", "8", "--generate-tokens", "0"]
        limits = self.bench(words + ["--repeat", "1"])["limits"]
        return {name: limits[name] for name in LIMITS}

    def measure(self, program: Program, cells: list[Cell]) -> list[dict]:
        shape = self.task.shape
        model = ["--shape", shape.name, "--layers", str(shape.layers), "--scheme", program.form]
        rows = []
        for words in self.runs(cells):
            report = self.bench(model + words)
            self.about = {
                "version": f"quire {report['version']}", "system": f"QUIRE_ISA {report['isa']}",
                "kernels": [], "processor": report["machine"]["processor"],
            }
            rows += report["rows"]
        return [self.result(cell, self.row_of(cell, rows)) for cell in cells]

    def runs(self, cells: list[Cell]) -> list[list[str]]:
        """Prompts in one run, decoding in another; a batch with a context of its own would hold for all others."""

        def listed(values) -> str:
            return ",".join(map(str, dict.fromkeys(values)))

        prompts = [cell for cell in cells if cell.phase == "prompt"]
        steps = [cell for cell in cells if cell.phase == "decode"]
        runs = []
        if prompts:
            lengths = listed(cell.tokens for cell in prompts)
            runs.append(["--prompt-tokens", lengths, "--repeat", str(self.task.repeat), "--generate-tokens", "0"])
        if steps:
            batches, contexts = listed(cell.batch for cell in steps), listed(cell.context for cell in steps)
            count = str(self.task.generate_tokens)
            runs.append(
                ["--prompt-tokens", "0", "--generate-tokens", count, "--batch", batches, "--context", contexts]
            )
        return runs

    @staticmethod
    def row_of(cell: Cell, rows: list[dict]) -> dict:
        for row in rows:
            same = row["phase"] == cell.phase and row["context"] == cell.context and row["batch"] == cell.batch
            if same and (cell.phase == "decode" or row["tokens"] == cell.tokens):
                return row
        raise PeerError(f"expected a row for {cell.title} from quire bench, found none")

    @staticmethod
    def result(cell: Cell, row: dict) -> dict:
        shares = {name: row[name] for name in row if name.startswith("shareOf") or name == "gbPerSecond"}
        limits = {name: row["limits"][name] for name in LIMITS}
        return {"cell": cell, "seconds": [row["medianSeconds"]], "limits": limits} | shares


class Worker:
    """A peer's process: it loads the model once and answers cell by cell, with a probe of the limits between them."""

    def __init__(self, program: Program, task: Task, python: Path, words: dict, environment: dict, log: Path):
        self.task = task
        self.log = log
        self.kept = log.open("w")
        command = [str(python), str(HERE / WORKERS[program.engine]), json.dumps(words)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.kept, text=True,
            env=dict(os.environ) | environment,
        )
        self.about = self.answer()

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.kept.flush()
            code = self.process.returncode
            said = last_line(self.log.read_text(errors="replace"), "")
            raise PeerError(f"{ending(code)}; last line of its log: {said}" if code < 0 and said else said or ending(code))
        return json.loads(line)

    def measure(self, cells: list[Cell], probe) -> list[dict]:
        """Times of each cell, and the limits as the mean of the probes before and after it."""
        results = []
        before = probe()
        for cell in cells:
            question = {"phase": cell.phase, "tokens": cell.tokens, "batch": cell.batch, "context": cell.context}
            question |= {"repeat": self.task.repeat, "steps": self.task.generate_tokens}
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            result = self.answer()
            after = probe()
            limits = {name: (before[name] + after[name]) / 2 for name in LIMITS}
            results.append({"cell": cell, "limits": limits} | result)
            before = after
        return results

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.kept.close()
