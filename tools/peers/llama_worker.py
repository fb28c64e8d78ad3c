#!/usr/bin/env python3
"""Measures llama.cpp through llama-cpp-python's low-level interface.

    llama_worker.py '{"model": "m.gguf", "threads": 2, "promptTokens": [512], "batches": [1, 4], "contexts": [0],
                      "generateTokens": 32, "settings": {"repack": true}}'

A prompt is one llama_decode of all its tokens with the logits of the last; a decode step is one llama_decode of a
token for each sequence, with logits for each. Sampling is not in it.
"""

import ctypes
import sys
import time
from importlib.metadata import version

import llama_cpp as llama
from worker import serve

LINES: list[str] = []
LOG = llama.llama_log_callback(lambda level, text, data: LINES.append(text.decode(errors="replace")))


class Runner:
    def __init__(self, task: dict):
        self.task = task
        self.vocabulary = 0
        llama.llama_log_set(LOG, ctypes.c_void_p(0))
        llama.llama_backend_init()
        parameters = llama.llama_model_default_params()
        parameters.n_gpu_layers = 0
        if not hasattr(parameters, "use_extra_bufts"):
            sys.exit("llama_worker: expected a llama-cpp-python that can turn repacking off, found " + self.version)
        parameters.use_extra_bufts = task["settings"].get("repack", True)
        self.model = llama.llama_model_load_from_file(task["model"].encode(), parameters)
        if not self.model:
            sys.exit(f"llama_worker: llama.cpp cannot load {task['model']}")
        self.vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.model))
        self.context = self.make_context()
        self.memory = llama.llama_get_memory(self.context)
        self.batch = llama.llama_batch_init(self.rows, 0, 1)
        self.prompt(32)  # warms up
        self.about = {
            "version": f"llama-cpp-python {self.version}",
            "system": features(llama.llama_print_system_info().decode()), "kernels": buffers(LINES),
        }

    version = version("llama-cpp-python")

    def make_context(self):
        task = self.task
        sequences = max(task["batches"], default=1)
        prompt, before = max(task["promptTokens"], default=0), max(task["contexts"], default=0)
        positions = max(prompt, before + task["generateTokens"] + 1, 32)
        self.rows = max(prompt, before, sequences, 32)
        parameters = llama.llama_context_default_params()
        # Each sequence has a cache of its own, in whole blocks of 256 positions.
        parameters.n_ctx = sequences * ((positions + 255) // 256 * 256)
        parameters.n_seq_max = sequences
        parameters.n_batch = self.rows
        parameters.n_ubatch = min(self.rows, 512)
        parameters.n_threads = parameters.n_threads_batch = task["threads"]
        parameters.kv_unified = False
        context = llama.llama_init_from_model(self.model, parameters)
        if not context:
            sys.exit("llama_worker: llama.cpp cannot make a context; too little memory is the usual reason")
        return context

    def clear(self) -> None:
        llama.llama_memory_clear(self.memory, True)

    def decode(self, rows: list[tuple[int, int, bool]]) -> float:
        """One pass over rows of (sequence, position, wants logits); the seconds it took."""
        batch = self.batch
        batch.n_tokens = len(rows)
        for index, (sequence, position, wants_logits) in enumerate(rows):
            batch.token[index] = (position * 7919 + sequence * 104729 + 13) % self.vocabulary
            batch.pos[index] = position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = wants_logits
        begin = time.perf_counter()
        status = llama.llama_decode(self.context, batch)
        llama.llama_synchronize(self.context)
        seconds = time.perf_counter() - begin
        if status != 0:
            sys.exit(f"llama_worker: llama_decode failed with {status} on {len(rows)} rows")
        return seconds

    def prompt(self, tokens: int) -> float:
        self.clear()
        return self.decode([(0, position, position == tokens - 1) for position in range(tokens)])

    def measure(self, cell: dict) -> list[float]:
        if cell["phase"] == "prompt":
            return [self.prompt(cell["tokens"]) for _ in range(cell["repeat"])]
        return self.steps(cell["batch"], cell["context"], cell["steps"])

    def steps(self, batch: int, begin: int, count: int) -> list[float]:
        self.clear()
        if begin:
            for sequence in range(batch):
                self.decode([(sequence, position, False) for position in range(begin)])
        self.decode([(sequence, begin, True) for sequence in range(batch)])  # warms up
        positions = range(begin + 1, begin + 1 + count)
        return [self.decode([(s, position, True) for s in range(batch)]) for position in positions]


def features(text: str) -> str:
    """"CPU : SSE3 = 1 | AVX2 = 1 | " as "SSE3 AVX2"."""
    parts = text.replace("CPU :", "").split("|")
    return " ".join(part.split("=")[0].strip() for part in parts if part.strip().endswith("= 1"))


def buffers(lines: list[str]) -> list[str]:
    """"CPU_REPACK model buffer size = 3000.00 MiB" of the log: where the weights lie says which kernels read them."""
    text = "".join(lines).splitlines()
    return [" ".join(line.split(":")[-1].split()) for line in text if "model buffer size" in line]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    serve(Runner)
