#!/usr/bin/env python3
"""Makes the two checkpoints that the suites are run with. Runs in the suites' environment, needs numpy.

    make_models.py DEMO TOKENIZER OUT

- OUT/demo: the demo model. It thinks, closes its reasoning and ends its answers.
- OUT/noise: random weights with a bias for each token, so that it writes short random text: printable ASCII,
  hardly ever an end of the answer, never a think tag. A constrained string or number ends after some 20 tokens, because
  quotes, commas and closing brackets have a higher bias. Suites expect a model that writes until the limit.

Both accept 32,768 positions, so that a suite's context sizes can be set.
"""

import importlib.machinery
import json
import math
import shutil
import sys
import types
from pathlib import Path

import numpy

MAKE = Path(__file__).resolve().parent.parent / "make-checkpoint"
POSITIONS = 32768
CLOSING = {'"': 2.5, '"}': 2.5, "}": 2, "]": 1.5, ",": 1.5}
CONSTANT = 6.0  # the first component of every embedding; the noise around it has unit spread


def bias(text: str, is_special: bool) -> float:
    """The logit of a token next to noise of spread 1."""
    if text in ("<|im_end|>", "<|endoftext|>"):
        return -4
    if text in ("<tool_call>", "</tool_call>"):
        return -15  # rather than a think tag where a call is forced
    if is_special or not text or not text.isascii() or not text.isprintable() and text.strip(" \n"):
        return -30
    if text.strip() == "":
        return 0 if text == " " else -6
    if text in CLOSING:
        return CLOSING[text]
    return -1 if any(character in text for character in '"\\{}[]<>') else 0


def byte_letters() -> dict[str, int]:
    """GPT-2's spelling of bytes in a vocabulary: printable ones stand for themselves."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {chr(byte): byte for byte in plain}
    others = [byte for byte in range(256) if byte not in plain]
    return letters | {chr(256 + index): byte for index, byte in enumerate(others)}


def token_biases(folder: Path, count: int) -> numpy.ndarray:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    letters = byte_letters()
    biases = numpy.full(count, -30.0, numpy.float32)
    for spelling, token in tokenizer["model"]["vocab"].items():
        text = bytes(letters[letter] for letter in spelling).decode(errors="replace")
        biases[token] = bias(text, False)
    for token in tokenizer["added_tokens"]:
        biases[token["id"]] = bias(token["content"], True)
    return biases


def rounded(values: numpy.ndarray) -> numpy.ndarray:
    """The upper halves of float32 numbers: bfloat16."""
    return ((values.astype(numpy.float32).view(numpy.uint32) + 0x8000) >> 16).astype(numpy.uint16)


def set_biases(path: Path, biases: numpy.ndarray) -> None:
    """Gives every residual a constant first component, which lm_head turns into the bias of each token."""
    data = numpy.memmap(path, dtype=numpy.uint8, mode="r+")
    size = int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8 : 8 + size].tobytes())
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        matrix = data[begin:end].view(numpy.uint16).reshape(entry["shape"])
        if name == "model.embed_tokens.weight":
            matrix[:, 0] = rounded(numpy.array([CONSTANT]))[0]
        elif name.endswith(("o_proj.weight", "down_proj.weight")):
            matrix[0, :] = 0
        elif name == "model.norm.weight":
            matrix[0] = rounded(numpy.array([1.0]))[0]
        elif name == "lm_head.weight":
            hidden = entry["shape"][1]
            normalized = CONSTANT / math.sqrt((CONSTANT**2 + 2 * hidden) / hidden)
            matrix[:, 0] = rounded(biases / normalized)
    data.flush()


def make_checkpoint(tokenizer: Path, out: Path) -> None:
    """Random weights of the shape `tiny`, with a row for every entry of the vocabulary."""
    loader = importlib.machinery.SourceFileLoader("make_checkpoint", str(MAKE))
    module = types.ModuleType(loader.name)
    module.__file__ = str(MAKE)
    loader.exec_module(module)
    data = json.loads((tokenizer / "tokenizer.json").read_text())
    entries = 1 + max([*data["model"]["vocab"].values(), *(token["id"] for token in data["added_tokens"])])
    module.SHAPES["tiny"]["vocab_size"] = max(1024, -(-entries // 128) * 128)
    sys.argv = [str(MAKE), "--shape", "tiny", "--tokenizer", str(tokenizer), "--quiet", str(out)]
    module.main()


def main(demo: Path, tokenizer: Path, out: Path) -> None:
    for name in ("demo", "noise"):
        shutil.rmtree(out / name, ignore_errors=True)
    shutil.copytree(demo, out / "demo")
    make_checkpoint(tokenizer, out / "noise")
    (out / "noise" / "generation_config.json").write_text(json.dumps({"temperature": 1.0, "top_k": 0, "top_p": 1.0}))
    config = json.loads((out / "noise" / "config.json").read_text())
    [weights] = (out / "noise").glob("*.safetensors")
    set_biases(weights, token_biases(tokenizer, config["vocab_size"]))
    for name in ("demo", "noise"):
        path = out / name / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"max_position_embeddings": POSITIONS}, indent=1))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
