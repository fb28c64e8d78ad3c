"""Training: one stage over its packed rows, by a schedule that counts steps and never looks at a clock.

On one machine with one version of PyTorch a rerun gives the same weights, whatever else the machine does.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import torch
from torch import Tensor
from torch.nn import functional

from model import Configuration, Qwen3
from optimizer import Muon
from stages import ROW_TOKENS, ROWS_PER_STEP, Stage

SEED = 0
MATRIX_RATE, MATRIX_DECAY = 0.02, 0.05  # Muon
OTHER_RATE, OTHER_BETAS = 2e-3, (0.9, 0.98)  # AdamW, no decay
WARMUP_STEPS = 15
FINAL_SHARE = 0.02  # of the peak rate, below which the cosine does not fall
GRADIENT_NORM = 1.0
LOG_EVERY = 25

# Tokens, trained targets and document numbers of some rows, each (rows, 257).
Batch = tuple[Tensor, Tensor, Tensor]


def run(stage: Stage, rows: Path, model: Qwen3, steps: int, say: Callable[[str], None]) -> None:
    """Trains `model` in place for `steps` steps of `stage`; the schedule spans just these steps."""
    generator = torch.Generator().manual_seed(SEED)
    data = load(rows)
    scored_count = scored_positions(data[1], generator)
    optimizers = make_optimizers(model)
    base_rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    batches = shuffled_batches(data, generator)
    average, started = None, time.monotonic()
    for step in range(steps):
        rate = stage.peak * schedule(step, steps)
        for optimizer, bases in zip(optimizers, base_rates):
            for group, base in zip(optimizer.param_groups, bases):
                group["lr"] = base * rate
        value = loss(model, *prepare(next(batches), scored_count, generator))
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        average = value.item() if average is None else 0.95 * average + 0.05 * value.item()
        if (step + 1) % LOG_EVERY == 0 or step + 1 == steps:
            pace = (time.monotonic() - started) / (step + 1)
            say(f"{stage.name} step {step + 1}/{steps} loss {average:.4f} rate {rate:.3f} {pace:.2f} s/step")


def new_model() -> Qwen3:
    torch.manual_seed(SEED)
    return Qwen3(Configuration())


def save(model: Qwen3, path: Path) -> None:
    """Writes the weights beside `path` first, so that a file of this name is always whole."""
    partial = path.with_suffix(".partial")
    torch.save(model.state_dict(), partial)
    os.replace(partial, path)


def load(path: Path) -> Batch:
    archive = numpy.load(path)
    tokens, scored, documents = (torch.from_numpy(archive[k]) for k in ("tokens", "scored", "documents"))
    return tokens.long(), scored, documents


def scored_positions(scored: Tensor, generator: torch.Generator) -> int:
    """How many positions each step trains: what 99 of 100 batches have, so that all steps have one shape."""
    counts = [
        scored[torch.randperm(len(scored), generator=generator)[:ROWS_PER_STEP], 1:].sum().item()
        for _ in range(200)
    ]
    return int(numpy.percentile(counts, 1))


def shuffled_batches(data: Batch, generator: torch.Generator) -> Iterator[Batch]:
    """Rows in a new order on every pass, for ever; the rest of a pass that fills no batch is left out."""
    row_count = len(data[0])
    if row_count < ROWS_PER_STEP:
        raise ValueError(f"a step needs {ROWS_PER_STEP} rows, the row file has {row_count}")
    while True:
        order = torch.randperm(row_count, generator=generator)
        for start in range(0, row_count - ROWS_PER_STEP + 1, ROWS_PER_STEP):
            chosen = order[start : start + ROWS_PER_STEP]
            yield tuple(array[chosen] for array in data)


def prepare(
    batch: Batch, scored_count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs, attention mask, trained positions and their targets."""
    tokens, scored, documents = batch
    inputs, owner = tokens[:, :-1], documents[:, :-1]
    causal = torch.ones(ROW_TOKENS, ROW_TOKENS, dtype=torch.bool).tril()
    mask = ((owner[:, :, None] == owner[:, None, :]) & causal)[:, None]
    candidates = scored[:, 1:].flatten().nonzero()[:, 0]
    order = torch.randperm(len(candidates), generator=generator)
    # One batch in a hundred has too few positions; it trains some of them twice.
    positions = candidates[order.repeat(-(-scored_count // len(order)))[:scored_count]]
    return inputs, mask, positions, tokens[:, 1:].flatten()[positions]


def loss(model: Qwen3, inputs: Tensor, mask: Tensor, positions: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(model(inputs, mask, torch.bfloat16, positions), targets)


def make_optimizers(model: Qwen3) -> list[torch.optim.Optimizer]:
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    is_matrix = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in is_matrix]
    return [
        Muon(matrices, lr=MATRIX_RATE, weight_decay=MATRIX_DECAY),
        torch.optim.AdamW(others, lr=OTHER_RATE, betas=OTHER_BETAS, eps=1e-10, weight_decay=0.0, fused=True),
    ]


def schedule(step: int, steps: int) -> float:
    """Linear warm-up times a cosine that ends at `FINAL_SHARE`."""
    return min(1, (step + 1) / WARMUP_STEPS) * max(FINAL_SHARE, 0.5 * (1 + math.cos(math.pi * step / steps)))
