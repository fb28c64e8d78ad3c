"""The header of a GGUF file: what is needed to count the bytes of its tensors.

Read here because the gguf package refuses files with types that only ik_llama.cpp has.
"""

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path

# Bytes of the metadata's types of fixed size, by their number; 8 is a string, 9 an array.
FIXED = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY, UINT32 = 8, 9, 4


@dataclass(frozen=True)
class TensorEntry:
    name: str
    values: int
    type_id: int
    bytes: int  # with padding up to the alignment, which no type here needs for rows of 256 values


class Reader:
    def __init__(self, data: bytes):
        self.data = data
        self.position = 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from("<" + form, self.data, self.position)
        self.position += struct.calcsize(form)
        return value

    def text(self) -> str:
        length = self.number("Q")
        self.position += length
        return self.data[self.position - length : self.position].decode()

    def skip(self, kind: int) -> None:
        if kind == STRING:
            self.text()
        elif kind == ARRAY:
            element, count = self.number("I"), self.number("Q")
            if element in FIXED:
                self.position += FIXED[element] * count
            else:
                for _ in range(count):
                    self.skip(element)
        else:
            self.position += FIXED[kind]


def tensors(path: Path) -> list[TensorEntry]:
    """The tensors of a file in the order of its data; sizes are the distances between their beginnings."""
    data = path.read_bytes()
    reader = Reader(data)
    magic, version = data[:4], struct.unpack_from("<I", data, 4)[0]
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError(f"expected a GGUF file of version 2 or 3 at {path}, found {magic!r} and version {version}")
    reader.position = 8
    tensor_count, pair_count = reader.number("Q"), reader.number("Q")
    alignment = 32
    for _ in range(pair_count):
        key, kind = reader.text(), reader.number("I")
        if key == "general.alignment" and kind == UINT32:
            alignment = reader.number("I")
        else:
            reader.skip(kind)
    found = []
    for _ in range(tensor_count):
        name = reader.text()
        values = prod(reader.number("Q") for _ in range(reader.number("I")))
        type_id, offset = reader.number("I"), reader.number("Q")
        found.append((offset, name, values, type_id))
    found.sort()
    data_bytes = len(data) - -(-reader.position // alignment) * alignment
    ends = [entry[0] for entry in found[1:]] + [data_bytes]
    return [
        TensorEntry(name, values, type_id, end - offset)
        for (offset, name, values, type_id), end in zip(found, ends)
    ]
