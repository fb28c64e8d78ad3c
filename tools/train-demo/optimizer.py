"""Muon: momentum whose step is replaced by the nearest orthogonal matrix.

Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). Used for the
matrices inside the layers; embedding, head and norms are AdamW's.
"""

from collections import defaultdict

import torch
from torch import Tensor

# Coefficients of the quintic Newton-Schulz iteration in that text, tuned for speed and not for accuracy.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5


class Muon(torch.optim.Optimizer):
    def __init__(self, parameters, lr: float, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for matrices in of_one_shape(group["params"]):
                self.step_together(matrices, group)

    def step_together(self, matrices: list[Tensor], group: dict) -> None:
        """One step of matrices of one shape, stacked: an accelerator is idle over one small matrix."""
        gradient = torch.stack([matrix.grad for matrix in matrices])
        average = self.state[matrices[0]].setdefault("average", torch.zeros_like(gradient))
        average.lerp_(gradient, 1 - group["momentum"])
        direction = orthogonalized(gradient.lerp(average, group["momentum"]))
        direction *= max(1, gradient.shape[1] / gradient.shape[2]) ** 0.5
        for matrix, change in zip(matrices, direction):
            matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(change, alpha=-group["lr"])


def of_one_shape(matrices: list[Tensor]) -> list[list[Tensor]]:
    stacks = defaultdict(list)
    for matrix in matrices:
        stacks[matrix.shape].append(matrix)
    return list(stacks.values())


def orthogonalized(matrices: Tensor) -> Tensor:
    """Roughly U Vᵀ of each singular value decomposition U S Vᵀ; (matrix, rows, columns)."""
    a, b, c = NEWTON_SCHULZ
    x = matrices.bfloat16()
    is_tall = x.shape[1] > x.shape[2]
    if is_tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return (x.mT if is_tall else x).float()
