"""Training over packed rows, by a schedule that counts steps and never looks at a clock.

On one kind of machine with one version of PyTorch a rerun gives the same weights, whatever else it does.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import torch
from torch import Tensor
from torch.nn import functional

import packing
import plan
from model import Configuration, Qwen3
from optimizer import Muon

SEED = 0
MATRIX_RATE = 0.02  # Muon, no decay
OTHER_RATE, OTHER_BETAS = 2e-3, (0.9, 0.98)  # AdamW, no decay
WARMUP_STEPS = 50
CONSTANT_SHARE = 0.4  # of the steps, before the rate falls linearly
FINAL_SHARE = 0.01  # of the peak rate, where it ends
GRADIENT_NORM = 1.0
LOG_EVERY = 100


def prepare_device(device: str, threads: int) -> None:
    """Same sums in the same order on every run. Must come before the first use of an accelerator."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.set_default_device(device)


def run(rows: Tensor, model: Qwen3, steps: int, say: Callable[[str], None]) -> None:
    """Trains `model` in place on rows of `load`; the schedule spans just these steps."""
    optimizers = make_optimizers(model)
    base_rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    generator = torch.Generator("cpu").manual_seed(SEED)
    batches = shuffled_batches(rows, generator)
    objective = torch.compile(loss, dynamic=False) if rows.is_cuda else loss
    average, started = None, time.monotonic()
    for step in range(steps):
        for optimizer, bases in zip(optimizers, base_rates):
            for group, base in zip(optimizer.param_groups, bases):
                group["lr"] = base * schedule(step, steps)
        value = objective(model, next(batches), kept_heads(generator, rows.device))
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        average = value.detach() if average is None else average.lerp(value.detach(), 0.02)
        if (step + 1) % LOG_EVERY == 0 or step + 1 == steps:
            pace = (time.monotonic() - started) / (step + 1)
            say(f"step {step + 1}/{steps} loss {average.item():.4f} {pace:.3f} s/step")


def new_model() -> Qwen3:
    """Weights drawn on the CPU, so that every device begins with the same."""
    device = torch.get_default_device()
    with torch.device("cpu"):
        torch.manual_seed(SEED)
        model = Qwen3(Configuration())
    return model.to(device)


def save(model: Qwen3, path: Path) -> None:
    """Writes the weights in bf16, next to `path` first, so that a file of this name is always complete."""
    partial = path.with_suffix(".partial")
    torch.save({name: tensor.bfloat16().cpu() for name, tensor in model.state_dict().items()}, partial)
    os.replace(partial, path)


def load(folder: Path, shards: int) -> Tensor:
    """All rows on the device: (3, rows, 257) int16, tokens, weights in the loss, document numbers."""
    arrays = [torch.from_numpy(numpy.load(packing.shard_path(folder, shard))) for shard in range(shards)]
    return torch.cat(arrays, dim=1).to(torch.get_default_device())


def shuffled_batches(rows: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
    """Rows in a new order on every pass, for ever; the rest of a pass that fills no batch is left out."""
    row_count = rows.shape[1]
    if row_count < plan.ROWS_PER_STEP:
        raise ValueError(f"a step needs {plan.ROWS_PER_STEP} rows, the row files have {row_count}")
    while True:
        order = torch.randperm(row_count, generator=generator, device="cpu").to(rows.device)
        for start in range(0, row_count - plan.ROWS_PER_STEP + 1, plan.ROWS_PER_STEP):
            yield rows[:, order[start : start + plan.ROWS_PER_STEP]]


def kept_heads(generator: torch.Generator, device: torch.device) -> Tensor:
    """Which heads take part in a step; (layer, row, query head, 1, 1), 0 or 1."""
    c = Configuration()
    shape = (c.layer_count, plan.ROWS_PER_STEP, c.query_head_count, 1, 1)
    drawn = torch.rand(shape, generator=generator, device="cpu")
    return (drawn >= plan.HEAD_DROP).float().to(device)


def loss(model: Qwen3, batch: Tensor, kept: Tensor) -> Tensor:
    """The weighted mean of the trained tokens' cross-entropies."""
    tokens, weights, numbers = batch.long()
    owner = numbers[:, :-1]
    causal = torch.ones(plan.ROW_TOKENS, plan.ROW_TOKENS, dtype=torch.bool, device=batch.device).tril()
    mask = ((owner[:, :, None] == owner[:, None, :]) & causal)[:, None]
    logits = model(tokens[:, :-1], mask, torch.bfloat16, kept)
    each = functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    weight = weights[:, 1:].flatten().float()
    return (each * weight).sum() / weight.sum()


def make_optimizers(model: Qwen3) -> list[torch.optim.Optimizer]:
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    is_matrix = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in is_matrix]
    return [
        Muon(matrices, lr=MATRIX_RATE),
        torch.optim.AdamW(others, lr=OTHER_RATE, betas=OTHER_BETAS, eps=1e-10, weight_decay=0.0, fused=True),
    ]


def schedule(step: int, steps: int) -> float:
    """Linear warm-up, a plateau, and a linear fall to `FINAL_SHARE`."""
    fall = max(0, step / steps - CONSTANT_SHARE) / (1 - CONSTANT_SHARE)
    return min(1, (step + 1) / WARMUP_STEPS) * (1 - (1 - FINAL_SHARE) * fall)
