"""An EAGLE-3 draft head of the demo model, with the tensor names of published heads.

Y. Li et al., "EAGLE-3: Scaling up Inference Acceleration of Large Language Models via Training-Time Test" (2025). One
layer of Llama reads the embedding of the next token beside three hidden states of the model, fused into one row.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from model import Configuration, Norm, Qwen3, rotate

FEATURE_LAYERS = (2, 4, 6)  # of the model's six layers, how many are run before each hidden state is taken
DRAFT_VOCABULARY = 128
INTERMEDIATE_SIZE = 768
ROPE_THETA = 10_000.0


class Linear(nn.Module):
    """y = x Wᵀ in float32; weight (outputs, inputs)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * inputs**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight)


class Attention(nn.Module):
    def __init__(self, c: Configuration):
        super().__init__()
        self.head_size = c.head_size
        self.sharing = c.query_head_count // c.key_value_head_count
        self.q_proj = Linear(2 * c.hidden_size, c.query_head_count * c.head_size)
        self.k_proj = Linear(2 * c.hidden_size, c.key_value_head_count * c.head_size)
        self.v_proj = Linear(2 * c.hidden_size, c.key_value_head_count * c.head_size)
        self.o_proj = Linear(c.query_head_count * c.head_size, c.hidden_size)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor, past: list) -> Tensor:
        """Attends to known rows up to each row's own, and to the row's own drafts so far, which `past` gets.

        The first entry of `past` are the known rows; each other one has the drafts of one step, a row for each known one.
        """
        rows, length, _ = x.shape
        shape = (rows, length, -1, self.head_size)
        query = rotate(self.q_proj(x).view(shape), rotation).transpose(1, 2)
        key = rotate(self.k_proj(x).view(shape), rotation)
        key = key.repeat_interleave(self.sharing, 2).transpose(1, 2)
        value = self.v_proj(x).view(shape).repeat_interleave(self.sharing, 2).transpose(1, 2)
        past.append((key, value))
        scores = query @ past[0][0].transpose(-1, -2)
        scores = scores.masked_fill(~mask, float("-inf"))
        own = [(query * key).sum(-1, keepdim=True) for key, _ in past[1:]]
        weights = (torch.cat([scores, *own], -1) * self.head_size**-0.5).softmax(-1)
        mixed = weights[..., :length] @ past[0][1]
        for step, (_, value) in enumerate(past[1:]):
            mixed = mixed + weights[..., length + step, None] * value
        return self.o_proj(mixed.transpose(1, 2).reshape(rows, length, -1))


class MLP(nn.Module):
    def __init__(self, size: int):
        super().__init__()
        self.gate_proj, self.up_proj = Linear(size, INTERMEDIATE_SIZE), Linear(size, INTERMEDIATE_SIZE)
        self.down_proj = Linear(INTERMEDIATE_SIZE, size)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c: Configuration):
        super().__init__()
        self.input_layernorm = Norm(c.hidden_size, c.epsilon)
        self.hidden_norm = Norm(c.hidden_size, c.epsilon)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = Norm(c.hidden_size, c.epsilon)
        self.mlp = MLP(c.hidden_size)

    def forward(
        self, embedded: Tensor, hidden: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor, past: list
    ) -> Tensor:
        joined = torch.cat([self.input_layernorm(embedded), self.hidden_norm(hidden)], -1)
        hidden = hidden + self.self_attn(joined, rotation, mask, past)
        return hidden + self.mlp(self.post_attention_layernorm(hidden))


class DraftHead(nn.Module):
    def __init__(self, c: Configuration):
        super().__init__()
        self.fc = Linear(len(FEATURE_LAYERS) * c.hidden_size, c.hidden_size)
        self.midlayer = Layer(c)
        self.norm = Norm(c.hidden_size, c.epsilon)
        self.lm_head = Linear(c.hidden_size, DRAFT_VOCABULARY)
        frequency = ROPE_THETA ** (-torch.arange(0, c.head_size, 2).float() / c.head_size)
        angle = torch.outer(torch.arange(c.maximum_positions).float(), frequency)[None, :, None]
        self.register_buffer("cosine", angle.cos(), persistent=False)  # (1, position, 1, head size / 2)
        self.register_buffer("sine", angle.sin(), persistent=False)

    def step(self, embedded: Tensor, hidden: Tensor, mask: Tensor, past: list) -> Tensor:
        """The output of each row, (row, position, hidden), `len(past)` drafts after the known ones."""
        first, length = len(past), embedded.shape[1]
        rotation = (self.cosine[:, first : first + length], self.sine[:, first : first + length])
        return self.midlayer(embedded, hidden, rotation, mask, past)

    def logits(self, output: Tensor) -> Tensor:
        return self.lm_head(self.norm(output))


@torch.no_grad()
def observe(model: Qwen3, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The model's features, (row, position, feature × hidden), and its logits."""
    length, states = tokens.shape[1], []
    rotation = (model.cosine[:, :length], model.sine[:, :length])
    x = model.model.embed_tokens(tokens)
    for layer in model.model.layers:
        states.append(x)
        x = layer(x, rotation, mask, torch.bfloat16, None)
    states.append(x)
    features = torch.cat([states[count] for count in FEATURE_LAYERS], -1)
    return features, model.lm_head(model.model.norm(x), torch.bfloat16).float()


def load_model(checkpoint: Path) -> Qwen3:
    model = Qwen3(Configuration())
    state = load_file(checkpoint / "model.safetensors")
    model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    return model.eval().requires_grad_(False)


def write(head: DraftHead, ids: Tensor, folder: Path) -> str:
    """Writes the head in bf16 with the map of its vocabulary, `ids` in rising order; returns one line about it."""
    folder.mkdir(parents=True, exist_ok=True)
    c = Configuration()
    tensors = {name: tensor.bfloat16().contiguous() for name, tensor in head.state_dict().items()}
    count = sum(tensor.numel() for tensor in tensors.values())
    tensors["d2t"] = ids - torch.arange(len(ids))
    tensors["t2d"] = torch.zeros(c.vocabulary_size, dtype=torch.bool)
    tensors["t2d"][ids] = True
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config(c), indent=2) + "\n", encoding="utf-8")
    return f"{folder}: {count} parameters, {len(ids)} of {c.vocabulary_size} tokens"


def config(c: Configuration) -> dict:
    return {
        "architectures": ["LlamaForCausalLMEagle3"],
        "attention_bias": False,
        "draft_vocab_size": DRAFT_VOCABULARY,
        # Here layers are counted from 0, and their outputs are meant.
        "eagle_config": {
            "eagle_aux_hidden_state_layer_ids": [count - 1 for count in FEATURE_LAYERS],
            "use_aux_hidden_state": True,
        },
        "head_dim": c.head_size,
        "hidden_act": "silu",
        "hidden_size": c.hidden_size,
        "intermediate_size": INTERMEDIATE_SIZE,
        "max_position_embeddings": c.maximum_positions,
        "model_type": "llama",
        "num_attention_heads": c.query_head_count,
        "num_hidden_layers": 1,
        "num_key_value_heads": c.key_value_head_count,
        "rms_norm_eps": c.epsilon,
        "rope_scaling": None,
        "rope_theta": ROPE_THETA,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "vocab_size": c.vocabulary_size,
    }
