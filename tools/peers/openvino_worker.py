#!/usr/bin/env python3
"""Measures OpenVINO GenAI's continuous batching on the CPU through its steps.

    openvino_worker.py '{"model": "openvino_model.xml", "threads": 2, "promptTokens": [512], "batches": [1, 4],
                         "contexts": [0], "generateTokens": 32, "cacheGiB": 2, "settings": {}}'

A prompt is the steps from its arrival to its first token, a decode step one step with all sequences running; the
scheduler and greedy sampling are in both, since the pipeline does not run without them.
"""

import sys
import time
from pathlib import Path

import numpy
import openvino
import openvino_genai
from worker import serve

END = 0  # some token must end answers, and it is ignored


class Runner:
    def __init__(self, task: dict):
        settings = {"INFERENCE_NUM_THREADS": task["threads"], "PERFORMANCE_HINT": "LATENCY"} | task["settings"]
        self.about = {"version": f"openvino_genai {openvino_genai.__version__}"} | proof(task["model"], settings)
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.cache_size = task["cacheGiB"]
        scheduler.max_num_batched_tokens = 4096
        scheduler.max_num_seqs = max(task["batches"] + [1])
        scheduler.enable_prefix_caching = False
        folder = Path(task["model"]).parent
        self.pipeline = openvino_genai.ContinuousBatchingPipeline(folder, scheduler, "CPU", settings)
        self.count = 0

    def add(self, tokens: int, answer: int):
        self.count += 1
        ids = (numpy.arange(tokens, dtype=numpy.int64) * 7919 + self.count * 104729 + 13) % 150000
        config = openvino_genai.GenerationConfig(max_new_tokens=answer, ignore_eos=True)
        config.set_eos_token_id(END)
        return self.pipeline.add_request(self.count, openvino.Tensor(ids.reshape(1, -1)), config)

    def step(self) -> float:
        begin = time.perf_counter()
        self.pipeline.step()
        return time.perf_counter() - begin

    def measure(self, cell: dict) -> list[float]:
        if cell["phase"] == "decode":
            return self.steps(cell["batch"], cell["context"], cell["steps"])
        self.prompt(cell["tokens"])  # a new shape is prepared at its first inference
        return [self.prompt(cell["tokens"]) for _ in range(cell["repeat"])]

    def prompt(self, tokens: int) -> float:
        request = self.add(tokens, 1)
        seconds = 0.0
        while self.pipeline.has_non_finished_requests():
            seconds += self.step()
        request.read_all()
        return seconds

    def steps(self, batch: int, context: int, count: int) -> list[float]:
        """Times of the steps in which every sequence gets a token, after all have had their first."""
        requests = [self.add(max(context, 1), 2 * count + 64) for _ in range(batch)]
        waiting = list(requests)
        while waiting:
            self.step()
            waiting = [request for request in waiting if not request.can_read()]
        self.step()  # warms up
        seconds = [self.step() for _ in range(count)]
        for request in requests:
            request.cancel()
        while self.pipeline.has_non_finished_requests():
            self.step()
        return seconds


def proof(model: str, settings: dict) -> dict:
    """Which code the same graph runs with the same settings; the pipeline itself does not let one ask."""
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()
    ids = numpy.arange(32, dtype=numpy.int64).reshape(1, -1)
    request.infer({
        "input_ids": ids, "attention_mask": numpy.ones_like(ids), "position_ids": ids,
        "beam_idx": numpy.zeros(1, numpy.int32),
    })
    found: dict[str, int] = {}
    for node in compiled.get_runtime_model().get_ordered_ops():
        about = node.get_rt_info()
        if about["layerType"].astype(str) != "FullyConnected":
            continue
        name = f"FullyConnected {about['primitiveType'].astype(str)} {about['runtimePrecision'].astype(str)}"
        found[name] = found.get(name, 0) + 1
    names = ("INFERENCE_PRECISION_HINT", "DYNAMIC_QUANTIZATION_GROUP_SIZE")
    return {
        "system": " ".join(f"{name}={compiled.get_property(name)}" for name in names),
        "kernels": [f"{count} x {name}" for name, count in found.items()],
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    serve(Runner)
