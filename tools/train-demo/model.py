"""Qwen3 in plain PyTorch, with the module names of the Hugging Face checkpoint.

`state_dict()` is therefore the checkpoint. Weights are float32; `compute_type` is what the matrix
products run in (bfloat16 while training, float32 while checking).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Configuration:
    vocabulary_size: int = 768
    hidden_size: int = 256
    layer_count: int = 6
    query_head_count: int = 8
    key_value_head_count: int = 4
    head_size: int = 32
    intermediate_size: int = 768
    rope_theta: float = 1_000_000.0
    epsilon: float = 1e-6
    maximum_positions: int = 1024


class Projection(nn.Module):
    """y = x Wᵀ without bias; weight (outputs, inputs)."""

    def __init__(self, inputs: int, outputs: int, scale: float):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * scale)

    def forward(self, x: Tensor, compute_type: torch.dtype) -> Tensor:
        return functional.linear(x.to(compute_type), self.weight.to(compute_type))


class Norm(nn.Module):
    """RMSNorm over the last dimension, in float32."""

    def __init__(self, size: int, epsilon: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


class Attention(nn.Module):
    def __init__(self, c: Configuration):
        super().__init__()
        self.configuration = c
        query_size, key_value_size = c.query_head_count * c.head_size, c.key_value_head_count * c.head_size
        self.q_proj = Projection(c.hidden_size, query_size, c.hidden_size**-0.5)
        self.k_proj = Projection(c.hidden_size, key_value_size, c.hidden_size**-0.5)
        self.v_proj = Projection(c.hidden_size, key_value_size, c.hidden_size**-0.5)
        self.o_proj = Projection(query_size, c.hidden_size, (query_size * 2 * c.layer_count) ** -0.5)
        self.q_norm = Norm(c.head_size, c.epsilon)
        self.k_norm = Norm(c.head_size, c.epsilon)

    def forward(
        self,
        x: Tensor,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor,
        compute_type: torch.dtype,
        kept: Tensor | None,
    ):
        c = self.configuration
        rows, length, _ = x.shape
        shape = (rows, length, -1, c.head_size)
        query = rotate(self.q_norm(self.q_proj(x, compute_type).view(shape)), rotation)
        key = rotate(self.k_norm(self.k_proj(x, compute_type).view(shape)), rotation)
        value = self.v_proj(x, compute_type).view(shape)
        group = c.query_head_count // c.key_value_head_count
        mixed = functional.scaled_dot_product_attention(
            query.to(compute_type).transpose(1, 2),
            key.to(compute_type).repeat_interleave(group, 2).transpose(1, 2),
            value.repeat_interleave(group, 2).transpose(1, 2),
            attn_mask=mask,
        )
        if kept is not None:
            mixed = mixed * kept.to(compute_type)
        return self.o_proj(mixed.transpose(1, 2).reshape(rows, length, -1), compute_type).float()


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary embedding of (row, position, head, head size): halves of a head pair up."""
    cosine, sine = rotation
    first, second = x.chunk(2, -1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), -1)


class MLP(nn.Module):
    def __init__(self, c: Configuration):
        super().__init__()
        self.gate_proj = Projection(c.hidden_size, c.intermediate_size, c.hidden_size**-0.5)
        self.up_proj = Projection(c.hidden_size, c.intermediate_size, c.hidden_size**-0.5)
        self.down_proj = Projection(
            c.intermediate_size, c.hidden_size, (c.intermediate_size * 2 * c.layer_count) ** -0.5
        )

    def forward(self, x: Tensor, compute_type: torch.dtype) -> Tensor:
        gate, up = self.gate_proj(x, compute_type).float(), self.up_proj(x, compute_type).float()
        return self.down_proj(functional.silu(gate) * up, compute_type).float()


class Layer(nn.Module):
    def __init__(self, c: Configuration):
        super().__init__()
        self.input_layernorm = Norm(c.hidden_size, c.epsilon)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = Norm(c.hidden_size, c.epsilon)
        self.mlp = MLP(c)

    def forward(
        self,
        x: Tensor,
        rotation: tuple[Tensor, Tensor],
        mask: Tensor,
        compute_type: torch.dtype,
        kept: Tensor | None,
    ):
        x = x + self.self_attn(self.input_layernorm(x), rotation, mask, compute_type, kept)
        return x + self.mlp(self.post_attention_layernorm(x), compute_type)


class Decoder(nn.Module):
    def __init__(self, c: Configuration):
        super().__init__()
        self.embed_tokens = nn.Embedding(c.vocabulary_size, c.hidden_size)
        nn.init.normal_(self.embed_tokens.weight, std=0.5)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layer_count))
        self.norm = Norm(c.hidden_size, c.epsilon)


class Qwen3(nn.Module):
    def __init__(self, c: Configuration):
        super().__init__()
        self.model = Decoder(c)
        self.lm_head = Projection(c.hidden_size, c.vocabulary_size, 0.5 * c.hidden_size**-0.5)
        frequency = c.rope_theta ** (-torch.arange(0, c.head_size, 2).float() / c.head_size)
        angle = torch.outer(torch.arange(c.maximum_positions).float(), frequency)[None, :, None]
        self.register_buffer("cosine", angle.cos(), persistent=False)  # (1, position, 1, head size / 2)
        self.register_buffer("sine", angle.sin(), persistent=False)

    def forward(
        self,
        tokens: Tensor,  # (row, position)
        mask: Tensor,  # (row or 1, 1, position, position); true where attention may look
        compute_type: torch.dtype = torch.float32,
        kept_heads: Tensor | None = None,  # (layer, row, query head, 1, 1), 0 or 1; all when absent
    ) -> Tensor:
        """Logits in float32, (row, position, vocabulary)."""
        length = tokens.shape[1]
        rotation = (self.cosine[:, :length], self.sine[:, :length])
        x = self.model.embed_tokens(tokens)
        for index, layer in enumerate(self.model.layers):
            x = layer(x, rotation, mask, compute_type, None if kept_heads is None else kept_heads[index])
        return self.lm_head(self.model.norm(x), compute_type).float()
