#!/usr/bin/env python3
"""Measures llama.cpp through llama-cpp-python's low-level interface; prints one JSON object.

    llama_worker.py '{"model": "m.gguf", "repack": true, "threads": 2, "promptTokens": 512, "batches": [1, 4],
                      "context": 0, "generateTokens": 32, "repeat": 2}'

A prompt is one llama_decode of all its tokens with the logits of the last; a decode step is one llama_decode of a
token for each sequence, with logits for each. Sampling is not in it.
"""

import ctypes
import json
import resource
import sys
import time
from importlib.metadata import version

import llama_cpp as llama

SILENT = llama.llama_log_callback(lambda level, text, data: None)


class Runner:
    def __init__(self, task: dict):
        self.task = task
        self.vocabulary = 0
        llama.llama_log_set(SILENT, ctypes.c_void_p(0))
        llama.llama_backend_init()
        parameters = llama.llama_model_default_params()
        parameters.n_gpu_layers = 0
        if not hasattr(parameters, "use_extra_bufts"):
            sys.exit("llama_worker: expected a llama-cpp-python that can turn repacking off, found " + self.version)
        parameters.use_extra_bufts = task["repack"]
        self.model = llama.llama_model_load_from_file(task["model"].encode(), parameters)
        if not self.model:
            sys.exit(f"llama_worker: llama.cpp cannot load {task['model']}")
        self.vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.model))
        self.context = self.make_context()
        self.memory = llama.llama_get_memory(self.context)
        self.batch = llama.llama_batch_init(self.rows, 0, 1)

    version = version("llama-cpp-python")

    def make_context(self):
        task = self.task
        sequences = max(task["batches"], default=1)
        positions = max(task["promptTokens"], task["context"] + task["generateTokens"] + 1, 32)
        self.rows = max(task["promptTokens"], task["context"], sequences, 32)
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

    def steps(self, batch: int) -> list[float]:
        self.clear()
        begin = self.task["context"]
        if begin:
            for sequence in range(batch):
                self.decode([(sequence, position, False) for position in range(begin)])
        self.decode([(sequence, begin, True) for sequence in range(batch)])  # warms up
        positions = range(begin + 1, begin + 1 + self.task["generateTokens"])
        return [self.decode([(s, position, True) for s in range(batch)]) for position in positions]


def features(text: str) -> str:
    """"CPU : SSE3 = 1 | AVX2 = 1 | " as "SSE3 AVX2"."""
    parts = text.replace("CPU :", "").split("|")
    return " ".join(part.split("=")[0].strip() for part in parts if part.strip().endswith("= 1"))


def main(task: dict) -> None:
    runner = Runner(task)
    runner.prompt(32)  # warms up
    cells = []
    if task["promptTokens"]:
        seconds = [runner.prompt(task["promptTokens"]) for _ in range(task["repeat"])]
        cells.append({"phase": "prompt", "batch": 1, "tokens": task["promptTokens"], "seconds": seconds})
    if task["generateTokens"]:
        for batch in task["batches"]:
            cells.append({"phase": "decode", "batch": batch, "tokens": batch, "seconds": runner.steps(batch)})
    print(
        json.dumps({
            "version": f"llama-cpp-python {runner.version}",
            "system": features(llama.llama_print_system_info().decode()),
            "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "cells": cells,
        })
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(json.loads(sys.argv[1]))
