"""Uneven norm gains: the same function with some input channels larger than others, as in large models.

Each gain of the two norms before a layer's matrices is multiplied by a factor, and that column of the matrices
that read it is divided by it. The product is the same, but weights that share a scale now differ in size, and
the small ones, which rounding hurts most, belong to the inputs that matter most. In a large model this comes
about in training (Dettmers et al., "LLM.int8()", 2022; Lin et al., "AWQ", 2023); one of this size and so short a
training has almost equal gains, and it would be easier to round than the models it represents.
"""

import torch
from torch import Tensor

SEED = 3
SPREAD = 0.35  # standard deviation of the factors' natural logarithms
READERS = {
    "input_layernorm": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "post_attention_layernorm": ["mlp.gate_proj", "mlp.up_proj"],
}


def spread(state: dict[str, Tensor], layer_count: int) -> dict[str, Tensor]:
    """The checkpoint's tensors in float32 with uneven gains; `state` is not changed."""
    generator = torch.Generator("cpu").manual_seed(SEED)
    uneven = {name: tensor.float() for name, tensor in state.items()}
    for layer in range(layer_count):
        for norm, readers in READERS.items():
            gain = f"model.layers.{layer}.{norm}.weight"
            factors = torch.exp(SPREAD * torch.randn(uneven[gain].shape, generator=generator, device="cpu"))
            uneven[gain] = uneven[gain] * factors
            for reader in readers:
                name = f"model.layers.{layer}.{reader}.weight"
                uneven[name] = uneven[name] / factors
    return uneven
