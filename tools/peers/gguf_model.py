#!/usr/bin/env python3
"""Writes a GGUF file of a Qwen3 shape with random weights: right in size and layout, of no meaning.

    gguf_model.py SHAPE LAYERS q4_0|q4_k_m|q8_0 OUT [tokenizer.json]

The mix of types is that of llama-quantize: the head (or the tied embedding) in Q6_K next to 4-bit types, and in
Q4_K_M half of attn_v and ffn_down as well. Without a tokenizer there is no vocabulary, and only token ids can be
computed; with one, ids beyond its own are padding, as in Qwen3's files.
Needs PyPI's gguf and numpy.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy
from gguf import GGMLQuantizationType as Type
from shapes import SHAPES, Shape

# Elements and bytes of a block.
BLOCKS = {Type.Q4_0: (32, 18), Type.Q8_0: (32, 34), Type.Q4_K: (256, 144), Type.Q6_K: (256, 210)}
# Which file type llama-quantize writes into the header.
FILE_TYPES = {"q4_0": 2, "q8_0": 7, "q4_k_m": 15}
POOL_BYTES = 64 << 20


def half(value: float) -> numpy.ndarray:
    """The two bytes of a 16-bit float."""
    return numpy.frombuffer(numpy.float16(value).tobytes(), numpy.uint8)


def pool(kind: Type, inputs: int, generator) -> numpy.ndarray:
    """Blocks of random codes, (block, byte), whose scales give weights a spread of about 1/sqrt(inputs)."""
    _, size = BLOCKS[kind]
    count = POOL_BYTES // size
    blocks = generator.integers(0, 256, (count, size), dtype=numpy.uint8)
    spread = inputs**-0.5
    if kind == Type.Q4_0:  # codes 0...15 less 8
        blocks[:, :2] = half(spread / 4.6)
    elif kind == Type.Q8_0:  # codes -128...127
        blocks[:, :2] = half(spread / 74)
    elif kind == Type.Q4_K:  # scale and minimum, each times 6-bit factors: 32 for all of them
        step = spread / (32 * 4.6)
        blocks[:, 0:2] = half(step)
        blocks[:, 2:4] = half(7.5 * step)
        blocks[:, 4:12] = 0xA0  # low 6 bits 32; the upper two bits of factors 4-7 are 2, which makes 32 with ...
        blocks[:, 12:16] = 0  # ... low nibbles of 0
    elif kind == Type.Q6_K:  # codes 0...63 less 32, 8-bit factors of 8
        blocks[:, 192:208] = 8
        blocks[:, 208:210] = half(spread / (8 * 18.5))
    return blocks


def keeps_more(layer: int, layers: int) -> bool:
    """Whether Q4_K_M stores attn_v and ffn_down of this layer in Q6_K."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def matrix_type(form: str, name: str, layer: int, layers: int) -> Type:
    if form == "q4_k_m":
        wide = name in ("attn_v", "ffn_down") and keeps_more(layer, layers)
        return Type.Q6_K if wide else Type.Q4_K
    return {"q4_0": Type.Q4_0, "q8_0": Type.Q8_0}[form]


def tensors(shape: Shape, form: str) -> list[tuple[str, int, int, Type | None]]:
    """(name, outputs, inputs, type) in file order; norms have no outputs and no type."""
    head = Type.Q8_0 if form == "q8_0" else Type.Q6_K
    body = {"q4_0": Type.Q4_0, "q8_0": Type.Q8_0, "q4_k_m": Type.Q4_K}[form]
    out = [("token_embd.weight", shape.vocabulary, shape.hidden, head if shape.tied else body)]
    for layer in range(shape.layers):
        prefix = f"blk.{layer}."
        out += [(prefix + name + ".weight", 0, shape.hidden, None) for name in ("attn_norm", "ffn_norm")]
        out += [(prefix + name + ".weight", 0, shape.head_size, None) for name in ("attn_q_norm", "attn_k_norm")]
        for name, rows, columns in shape.matrices:
            kind = matrix_type(form, name, layer, shape.layers)
            out.append((f"{prefix}{name}.weight", rows, columns, kind))
    out.append(("output_norm.weight", 0, shape.hidden, None))
    if not shape.tied:
        out.append(("output.weight", shape.vocabulary, shape.hidden, head))
    return out


def write_metadata(writer: gguf.GGUFWriter, shape: Shape, form: str, tokenizer: str | None) -> None:
    writer.add_name(f"random {shape.name} {form}")
    writer.add_context_length(40960)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.intermediate)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_size)
    writer.add_value_length(shape.head_size)
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_file_type(FILE_TYPES[form])
    writer.add_vocab_size(shape.vocabulary)
    if tokenizer:
        write_tokenizer(writer, json.loads(Path(tokenizer).read_text()), shape.vocabulary)
    else:
        writer.add_tokenizer_model("none")


def write_tokenizer(writer: gguf.GGUFWriter, tokenizer: dict, count: int) -> None:
    tokens = [f"[PAD{index}]" for index in range(count)]
    types = [gguf.TokenType.UNUSED] * count
    for text, index in tokenizer["model"]["vocab"].items():
        tokens[index], types[index] = text, gguf.TokenType.NORMAL
    for token in tokenizer["added_tokens"]:
        kind = gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED
        tokens[token["id"]], types[token["id"]] = token["content"], kind
    merges = tokenizer["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)


def write(shape: Shape, form: str, path: str, tokenizer: str | None) -> None:
    writer = gguf.GGUFWriter(path, "qwen3")
    write_metadata(writer, shape, form, tokenizer)
    plan = tensors(shape, form)
    for name, rows, columns, kind in plan:
        if kind is None:
            writer.add_tensor_info(name, (columns,), numpy.dtype(numpy.float32), columns * 4)
            continue
        elements, size = BLOCKS[kind]
        width = columns // elements * size
        writer.add_tensor_info(name, (rows, width), numpy.dtype(numpy.uint8), rows * width, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    generator = numpy.random.default_rng(1)
    pools = {}
    for name, rows, columns, kind in plan:
        if kind is None:
            writer.write_tensor_data(numpy.ones(columns, numpy.float32))
            continue
        if (kind, columns) not in pools:
            pools[kind, columns] = pool(kind, columns, generator)
        elements, size = BLOCKS[kind]
        blocks = pools[kind, columns]
        # Another stretch of the pool for every matrix.
        begin = int(generator.integers(0, len(blocks)))
        order = numpy.roll(blocks, -begin, axis=0)
        count = rows * (columns // elements)
        data = numpy.resize(order, (count, size))
        writer.write_tensor_data(data.reshape(rows, columns // elements * size))
    writer.close()


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6) or sys.argv[3] not in FILE_TYPES:
        sys.exit(__doc__)
    write(SHAPES[sys.argv[1]].cut(int(sys.argv[2])), sys.argv[3], sys.argv[4], (sys.argv[5:] or [None])[0])
