#!/usr/bin/env python3
"""Measures a graph with OpenVINO's CPU plugin; prints one JSON object.

    openvino_worker.py '{"model": "m.xml", "threads": 2, "promptTokens": 512, "batches": [1, 4],
                         "generateTokens": 32, "repeat": 2, "settings": {}}'

A prompt is one inference of (1, tokens), a decode step one of (batch, 1): the graph keeps no context.
"""

import json
import resource
import sys
import time

import numpy
import openvino

EMBEDDED = 4096


def main(task: dict) -> None:
    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": task["threads"], "PERFORMANCE_HINT": "LATENCY"} | task["settings"]
    model = core.compile_model(task["model"], "CPU", settings)
    request = model.create_infer_request()
    generator = numpy.random.default_rng(1)

    def infer(batch: int, tokens: int) -> float:
        ids = generator.integers(0, EMBEDDED, (batch, tokens))
        begin = time.perf_counter()
        request.infer({0: ids})
        return time.perf_counter() - begin

    infer(1, 32)
    cells = []
    if task["promptTokens"]:
        infer(1, task["promptTokens"])  # a new shape is prepared at its first inference
        seconds = [infer(1, task["promptTokens"]) for _ in range(task["repeat"])]
        cells.append({"phase": "prompt", "batch": 1, "tokens": task["promptTokens"], "seconds": seconds})
    if task["generateTokens"]:
        for batch in task["batches"]:
            infer(batch, 1)
            seconds = [infer(batch, 1) for _ in range(task["generateTokens"])]
            cells.append({"phase": "decode", "batch": batch, "tokens": batch, "seconds": seconds})
    print(
        json.dumps({
            "version": f"openvino {openvino.__version__}",
            "system": " ".join(
                f"{name}={model.get_property(name)}"
                for name in ("INFERENCE_PRECISION_HINT", "DYNAMIC_QUANTIZATION_GROUP_SIZE")
            ),
            "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "cells": cells,
        })
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(json.loads(sys.argv[1]))
