"""Muon: momentum whose step is replaced by the nearest orthogonal matrix.

Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). Used for the
matrices inside the layers; embedding, head and norms are AdamW's.
"""

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
            for matrix in group["params"]:
                state = self.state[matrix]
                average = state.setdefault("average", torch.zeros_like(matrix))
                average.lerp_(matrix.grad, 1 - group["momentum"])
                direction = orthogonalized(matrix.grad.lerp(average, group["momentum"]))
                direction *= max(1, matrix.shape[0] / matrix.shape[1]) ** 0.5
                matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=-group["lr"])


def orthogonalized(matrix: Tensor) -> Tensor:
    """Roughly U Vᵀ of the singular value decomposition U S Vᵀ."""
    a, b, c = NEWTON_SCHULZ
    x = matrix.bfloat16()
    is_tall = x.shape[0] > x.shape[1]
    if is_tall:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return (x.T if is_tall else x).float()
