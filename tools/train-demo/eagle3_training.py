"""Training of the draft head over the packed rows of the demo model, by the schedule of `training.py`.

The method's training-time test: each row drafts `DRAFTS` tokens in sequence, the second one and later ones from the head's
own outputs, as it will when it drafts. Each draft is compared with the model's probabilities at its position.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor

import packing
import plan
import training
from eagle3 import DRAFT_VOCABULARY, DraftHead, observe
from model import Configuration, Qwen3
from optimizer import Muon

SEED = 1
DRAFTS = 4
DRAFT_WEIGHT = 0.8  # of each draft in the loss, relative to the one before
ROWS_PER_STEP = 8
STEPS = 600
MATRIX_RATE = 0.01  # Muon, no decay
OTHER_RATE = 2e-3  # AdamW, no decay
LOG_EVERY = 25


def draft_vocabulary(rows: Tensor) -> Tensor:
    """The ids of the tokens that replies have most often, in rising order."""
    counts = torch.zeros(Configuration().vocabulary_size, dtype=torch.long)
    counts.index_add_(0, rows[0].flatten().long(), (rows[1].flatten() > 0).long())
    return counts.topk(DRAFT_VOCABULARY).indices.sort().values


def run(rows: Tensor, model: Qwen3, ids: Tensor, steps: int, say: Callable[[str], None]) -> DraftHead:
    torch.manual_seed(SEED)
    head = DraftHead(Configuration())
    optimizers = make_optimizers(head)
    rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    generator = torch.Generator().manual_seed(SEED)
    started, sums = time.monotonic(), torch.zeros(3, DRAFTS)
    scales = feature_scales(model, rows)
    for step in range(steps):
        batch = rows[:, torch.randint(rows.shape[1], (ROWS_PER_STEP,), generator=generator)]
        with torch.autocast("cpu", torch.bfloat16):
            loss, counts = objective(head, model, ids, scales, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), training.GRADIENT_NORM)
        for optimizer, base in zip(optimizers, rates):
            for group, rate in zip(optimizer.param_groups, base):
                group["lr"] = rate * training.schedule(step, steps)
            optimizer.step()
            optimizer.zero_grad()
        sums += counts
        if (step + 1) % LOG_EVERY == 0 or step + 1 == steps:
            right = " ".join(f"{100 * share:.1f}" for share in sums[0] / sums[1])
            pace = (time.monotonic() - started) / (step + 1)
            loss = (sums[2] / sums[1]).mean()
            say(f"step {step + 1}/{steps} loss {loss:.4f} right % by draft {right} {pace:.3f} s/step")
            sums.zero_()
    # Training divided each feature by its size; the published layout has no place for that but the weights.
    head.fc.weight.data /= scales
    return head


@torch.no_grad()
def feature_scales(model: Qwen3, rows: Tensor) -> Tensor:
    """The size of each feature, (feature × hidden): some of a model's hidden channels are far larger than others."""
    tokens, mask, _, _ = inputs(rows[:, :ROWS_PER_STEP])
    return observe(model, tokens, mask)[0].pow(2).mean((0, 1)).sqrt()


def inputs(batch: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Tokens, attention mask, weights in the loss and document numbers of a batch."""
    tokens, weights, owner = batch.long()
    causal = torch.ones(packing.CAPACITY, packing.CAPACITY, dtype=torch.bool).tril()
    mask = ((owner[:, :, None] == owner[:, None, :]) & causal)[:, None]
    return tokens, mask, weights, owner


def objective(
    head: DraftHead, model: Qwen3, ids: Tensor, scales: Tensor, batch: Tensor
) -> tuple[Tensor, Tensor]:
    """The loss, and for each draft its right ones, all of them and the sum of their losses, (3, draft).

    A draft counts as right if those before it were right, too, so that the shares are those of accepted drafts given the
    ones before.
    """
    tokens, mask, weights, owner = inputs(batch)
    features, logits = observe(model, tokens, mask)
    likeliest = logits.argmax(-1)
    is_drafted = torch.zeros(Configuration().vocabulary_size, dtype=torch.bool)
    is_drafted[ids] = True
    length = packing.CAPACITY - 1 - DRAFTS  # rows whose drafts are all inside
    hidden = head.fc(features[:, :length] / scales)
    embedded = model.model.embed_tokens(tokens)
    past, counts, total = [], torch.zeros(3, DRAFTS), torch.zeros(())
    alive = torch.ones(tokens.shape[0], length, dtype=torch.bool)
    for draft in range(DRAFTS):
        first = draft + 1
        hidden = head.step(embedded[:, first : first + length], hidden, mask[:, :, :length, :length], past)
        drafted = head.logits(hidden).float()
        # The model answers where its last known token is the one that the draft follows.
        place = slice(first, first + length)
        following = slice(first + 1, first + 1 + length)
        is_scored = (weights[:, following] > 0) & (owner[:, :length] == owner[:, place])
        is_scored = is_scored & is_drafted[likeliest[:, place]]
        goal = logits[:, place][..., ids].softmax(-1)
        each = -(goal * drafted.log_softmax(-1)).sum(-1)
        total = total + DRAFT_WEIGHT**draft * (each * is_scored).sum() / is_scored.sum().clamp(min=1)
        with torch.no_grad():
            counted = is_scored & alive
            right = ids[drafted.argmax(-1)] == likeliest[:, place]
            counts[0, draft] = (right & counted).sum()
            counts[1, draft] = counted.sum()
            counts[2, draft] = (each * counted).sum()
            # Chains go on along the text: the token that the model was given must also be the drafted one.
            alive = counted & right & (likeliest[:, place] == tokens[:, following])
    return total, counts


def make_optimizers(head: DraftHead) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in head.named_parameters() if p.ndim == 2 and not name.startswith("lm_head")]
    chosen = {id(p) for p in matrices}
    others = [p for p in head.parameters() if id(p) not in chosen]
    return [
        Muon(matrices, lr=MATRIX_RATE),
        torch.optim.AdamW(others, lr=OTHER_RATE, betas=training.OTHER_BETAS, eps=1e-10, weight_decay=0.0),
    ]
