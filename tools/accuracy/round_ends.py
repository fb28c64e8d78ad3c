"""Rounds embedding and lm_head of a float32 checkpoint to int8 with a scale for each row, in place.

    round_ends.py '{"folder": DIR}'

As Quire's recipe int8 does: the largest magnitude of a row fits its scale, and scales are bf16. Prints a line of JSON: the
tensors and the bytes that codes and scales take.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

ENDS = ("model.embed_tokens.weight", "lm_head.weight")


def rounded(weight: torch.Tensor) -> torch.Tensor:
    scales = (weight.abs().amax(1, keepdim=True) / 127).to(torch.bfloat16).float()
    codes = (weight / torch.where(scales == 0, 1, scales)).round().clamp(-128, 127)
    return codes * scales


found, size = [], 0
for path in sorted(Path(json.loads(sys.argv[1])["folder"]).glob("*.safetensors")):
    with safe_open(path, "pt") as file:
        names = [name for name in file.keys() if name in ENDS]
    if not names:
        continue
    weights = load_file(path)
    for name in names:
        size += weights[name].numel() + 2 * weights[name].shape[0]
        weights[name] = rounded(weights[name].float())
    save_file(weights, path, {"format": "pt"})
    found += names
print(json.dumps({"tensors": found, "bytes": size}))
