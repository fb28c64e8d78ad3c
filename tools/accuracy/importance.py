"""An importance matrix for llama.cpp from the statistics that `quire calibrate` writes.

llama.cpp's tool runs a text through the model and keeps, for each matrix, the mean square of each of its inputs. That
is the diagonal of the Gram matrix in a statistics file (Sources/QuireCalibration/Statistics/Statistics.md), on the same
text and windows as Quire's recipes. As there, embedding and lm_head have none.
"""

import json
import struct
from pathlib import Path

# The matrix that stands for its site in a statistics file, and llama.cpp's names of all that read there.
SITES = {
    "self_attn.q_proj": ("attn_q", "attn_k", "attn_v"),
    "self_attn.o_proj": ("attn_output",),
    "mlp.gate_proj": ("ffn_gate", "ffn_up"),
    "mlp.down_proj": ("ffn_down",),
}


def mean_squares(statistics: Path) -> dict[str, list[float]]:
    """For each matrix, by llama.cpp's name, the mean square of each input."""
    found = {}
    with statistics.open("rb") as file:
        header_bytes = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(header_bytes))
        for name, entry in header.items():
            if not name.endswith(".weight.gram"):
                continue
            _, _, layer, site = name.removesuffix(".weight.gram").split(".", 3)
            width = header[name.removesuffix("gram") + "means"]["shape"][0]
            start = 8 + header_bytes + entry["data_offsets"][0]
            values = []
            for row in range(width):  # the upper triangle, row by row: h00 h01 ... h11 h12 ...
                file.seek(start + 4 * (row * width - row * (row - 1) // 2))
                values.append(struct.unpack("<f", file.read(4))[0])
            for matrix in SITES[site]:
                found[f"blk.{layer}.{matrix}.weight"] = values
    return found


def write_legacy(squares: dict[str, list[float]], path: Path) -> None:
    """Writes the file that ik_llama.cpp's llama-quantize reads: of each matrix name, calls, and sums over the calls."""
    with path.open("wb") as file:
        file.write(struct.pack("<i", len(squares)))
        for name, values in squares.items():
            encoded = name.encode()
            file.write(struct.pack("<i", len(encoded)) + encoded)
            file.write(struct.pack(f"<ii{len(values)}f", 1, len(values), *values))
