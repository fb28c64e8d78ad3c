#!/usr/bin/env python3
"""Writes a checkpoint of a Qwen3 shape with random weights in the layout of compressed-tensors, as vLLM loads it.

    vllm_model.py SHAPE LAYERS w8a8|w4a16|bf16 OUT

OUT is a folder with config.json and model.safetensors; bf16 is the checkpoint of no quantization, for other programs. Embedding and head stay in bfloat16, as in published
checkpoints of these formats. Every byte is written: pages that were never written share one page of zeros in memory,
and reading them would take less time than reading weights.
"""

import json
import struct
import sys
from pathlib import Path
from random import Random

from shapes import SHAPES, Shape

GROUP = 128
POOL_BYTES = 16 << 20
# The linear layers of a block in the words of the checkpoint.
NAMES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


def bfloat16(value: float) -> bytes:
    return struct.pack("<f", value)[2:]


def quantization(form: str) -> dict:
    """The checkpoint's description of its weights."""
    if form == "w8a8":
        weights = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel", "dynamic": False}
        inputs = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True}
    else:
        weights = {
            "num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": GROUP, "dynamic": False,
        }
        inputs = None
    group = {"targets": ["Linear"], "weights": weights, "input_activations": inputs, "output_activations": None}
    return {
        "quant_method": "compressed-tensors", "format": "int-quantized" if form == "w8a8" else "pack-quantized",
        "quantization_status": "compressed", "config_groups": {"group_0": group}, "ignore": ["lm_head"],
    }


def config(shape: Shape, form: str) -> dict:
    quantized = {} if form == "bf16" else {"quantization_config": quantization(form)}
    return {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": False, "hidden_act": "silu",
        "hidden_size": shape.hidden, "intermediate_size": shape.intermediate, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_size,
        "vocab_size": shape.vocabulary, "tie_word_embeddings": shape.tied, "rms_norm_eps": 1e-6, "rope_theta": 1e6,
        "max_position_embeddings": 40960, "torch_dtype": "bfloat16", "eos_token_id": shape.vocabulary - 1,
        "bos_token_id": shape.vocabulary - 2,
    } | quantized


def linear(name: str, rows: int, columns: int, form: str) -> list[tuple]:
    """(name, type, shape, content) of one layer; content is bytes to repeat, or a kind of random bytes."""
    spread = columns**-0.5
    if form == "bf16":
        return [(name + ".weight", "BF16", [rows, columns], "floats")]
    if form == "w8a8":
        return [
            (name + ".weight", "I8", [rows, columns], "codes"),
            (name + ".weight_scale", "BF16", [rows, 1], bfloat16(spread / 74)),
        ]
    return [
        (name + ".weight_packed", "I32", [rows, columns // 8], "codes"),
        (name + ".weight_scale", "BF16", [rows, columns // GROUP], bfloat16(spread / 4.6)),
        (name + ".weight_shape", "I64", [2], struct.pack("<2q", rows, columns)),
    ]


def tensors(shape: Shape, form: str) -> list[tuple]:
    table = [shape.vocabulary, shape.hidden]
    out = [("model.embed_tokens.weight", "BF16", table, "floats")]
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        norms = [("input_layernorm", shape.hidden), ("post_attention_layernorm", shape.hidden)]
        norms += [("self_attn.q_norm", shape.head_size), ("self_attn.k_norm", shape.head_size)]
        out += [(f"{prefix}{name}.weight", "BF16", [width], bfloat16(1)) for name, width in norms]
        for name, rows, columns in shape.matrices:
            out += linear(prefix + NAMES[name], rows, columns, form)
    out.append(("model.norm.weight", "BF16", [shape.hidden], bfloat16(1)))
    if not shape.tied:
        out.append(("lm_head.weight", "BF16", table, "floats"))
    return out


def size(kind: str, dimensions: list[int]) -> int:
    count = {"I8": 1, "BF16": 2, "I32": 4, "I64": 8}[kind]
    for dimension in dimensions:
        count *= dimension
    return count


def pools(random: Random) -> dict[str, bytes]:
    """Random codes, and random bfloat16 numbers of both signs between 2^-7 and 2^-5."""
    codes = random.randbytes(POOL_BYTES)
    floats = bytearray(random.randbytes(POOL_BYTES))
    signs = bytes(0x3C | byte & 0x80 for byte in range(256))
    floats[1::2] = floats[1::2].translate(signs)
    return {"codes": codes, "floats": bytes(floats)}


def write(shape: Shape, form: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = Random(1)
    kinds = pools(random)
    plan = tensors(shape, form)
    header, offset = {}, 0
    for name, kind, dimensions, _ in plan:
        end = offset + size(kind, dimensions)
        header[name] = {"dtype": kind, "shape": dimensions, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, kind, dimensions, content in plan:
            write_tensor(file, size(kind, dimensions), content, kinds, random)
    (folder / "config.json").write_text(json.dumps(config(shape, form), indent=1))


def write_tensor(file, count: int, content, kinds: dict[str, bytes], random: Random) -> None:
    if isinstance(content, bytes):
        file.write(content * (count // len(content)))
        return
    # Another stretch of the pool for every matrix; an even beginning keeps floats whole.
    pool = kinds[content]
    begin = 2 * random.randrange(len(pool) // 2)
    while count:
        part = pool[begin : begin + count]
        file.write(part)
        count -= len(part)
        begin = 0


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[3] not in ("w8a8", "w4a16", "bf16"):
        sys.exit(__doc__)
    write(SHAPES[sys.argv[1]].cut(int(sys.argv[2])), sys.argv[3], Path(sys.argv[4]))
