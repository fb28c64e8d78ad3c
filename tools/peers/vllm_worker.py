#!/usr/bin/env python3
"""Measures vLLM on the CPU through its engine's steps.

    vllm_worker.py '{"model": "folder", "threads": 2, "promptTokens": [512], "batches": [1, 4], "contexts": [0],
                     "generateTokens": 24, "settings": {}}'

A prompt is the steps from its arrival to its first token, a decode step one step of the engine with all sequences
running; the scheduler and greedy sampling are in both, since vLLM does not run without them.
"""

import os
import sys
import time

from worker import serve

# The engine in this process, so that a step is a call.
os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"


class Runner:
    def __init__(self, task: dict):
        import torch
        import vllm
        from vllm.platforms import current_platform

        tokens = max(task["contexts"] + [0]) + 2 * task["generateTokens"] + 80
        self.llm = vllm.LLM(
            task["model"], skip_tokenizer_init=True, dtype="bfloat16", enable_prefix_caching=False,
            max_model_len=max(tokens, max(task["promptTokens"] + [0]) + 16), max_num_batched_tokens=4096,
            max_num_seqs=max(task["batches"] + [1]), async_scheduling=False,
        )
        self.engine = self.llm.llm_engine
        self.vocabulary = self.llm.model_config.get_vocab_size()
        self.count = 0
        tiles = " with AMX tiles" if torch.cpu._is_amx_tile_supported() else ""
        self.about = {
            "version": f"vllm {vllm.__version__} with torch {torch.__version__}{zentorch_version()}",
            "system": f"{type(current_platform).__name__}, {torch.backends.cpu.get_cpu_capability()}{tiles}",
            "kernels": self.llm.apply_model(kernels)[0],
        }

    def add(self, tokens: int, answer: int) -> str:
        from vllm import SamplingParams

        self.count += 1
        ids = [(position * 7919 + self.count * 104729 + 13) % self.vocabulary for position in range(tokens)]
        settings = SamplingParams(temperature=0, max_tokens=answer, ignore_eos=True, detokenize=False)
        return self.engine.add_request(str(self.count), {"prompt_token_ids": ids}, settings)

    def step(self) -> tuple[float, list]:
        begin = time.perf_counter()
        outputs = self.engine.step()
        return time.perf_counter() - begin, outputs

    def measure(self, cell: dict) -> list[float]:
        if cell["phase"] == "decode":
            return self.steps(cell["batch"], cell["context"], cell["steps"])
        self.prompt(cell["tokens"])  # a new shape is prepared at its first use
        return [self.prompt(cell["tokens"]) for _ in range(cell["repeat"])]

    def prompt(self, tokens: int) -> float:
        self.add(tokens, 1)
        seconds = 0.0
        while self.engine.has_unfinished_requests():
            seconds += self.step()[0]
        return seconds

    def steps(self, batch: int, context: int, count: int) -> list[float]:
        """Times of the steps in which every sequence gets a token, after all have had their second."""
        for _ in range(batch):
            self.add(max(context, 1), 2 * count + 64)
        answers: dict[str, int] = {}
        while len(answers) < batch or min(answers.values()) < 2:
            answers |= {output.request_id: len(output.outputs[0].token_ids) for output in self.step()[1]}
        seconds = [self.step()[0] for _ in range(count)]
        self.engine.abort_request(list(answers))
        while self.engine.has_unfinished_requests():
            self.step()
        return seconds


def zentorch_version() -> str:
    module = sys.modules.get("zentorch")
    return f" and zentorch {module.__version__}" if module else ""


def kernels(model) -> list[str]:
    """Which code multiplies: the kernel that each linear layer holds, the function it chose, and zentorch's mark."""
    found: dict[str, int] = {}
    for layer in model.modules():
        if not hasattr(layer, "quant_method") or "Linear" not in type(layer).__name__:
            continue
        scheme = getattr(layer, "scheme", None)
        kernel = getattr(scheme, "kernel", None) or scheme or layer.quant_method
        words = [type(kernel).__name__]
        words += [kernel.linear_method.__name__] if hasattr(kernel, "linear_method") else []
        words += [getattr(layer, name) for name in ("_zentorch_kind", "isa_hint") if hasattr(layer, name)]
        name = type(layer).__name__ + " " + " ".join(words)
        found[name] = found.get(name, 0) + 1
    return [f"{count} x {name}" for name, count in found.items()]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    serve(Runner)
