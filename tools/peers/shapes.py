"""The sizes of the published dense Qwen3 models, as `quire bench --shape` knows them."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Shape:
    name: str
    hidden: int
    layers: int
    heads: int
    intermediate: int
    tied: bool  # the head is the embedding
    kv_heads: int = 8
    head_size: int = 128
    vocabulary: int = 151936

    def cut(self, layers: int | None) -> "Shape":
        """The same with only the first layers."""
        return self if layers is None else replace(self, layers=min(layers, self.layers))

    @property
    def matrices(self) -> list[tuple[str, int, int]]:
        """A layer's matrices: (name in GGUF, outputs, inputs)."""
        queries, keys = self.heads * self.head_size, self.kv_heads * self.head_size
        return [
            ("attn_q", queries, self.hidden),
            ("attn_k", keys, self.hidden),
            ("attn_v", keys, self.hidden),
            ("attn_output", self.hidden, queries),
            ("ffn_gate", self.intermediate, self.hidden),
            ("ffn_up", self.intermediate, self.hidden),
            ("ffn_down", self.hidden, self.intermediate),
        ]

    @property
    def layer_parameters(self) -> int:
        """Parameters of one layer's matrices."""
        return sum(rows * columns for _, rows, columns in self.matrices)

    @property
    def parameters(self) -> int:
        """Parameters of all matrices, embedding and head included."""
        ends = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return self.layers * self.layer_parameters + ends


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("qwen3-0.6b", hidden=1024, layers=28, heads=16, intermediate=3072, tied=True),
        Shape("qwen3-1.7b", hidden=2048, layers=28, heads=16, intermediate=6144, tied=True),
        Shape("qwen3-4b", hidden=2560, layers=36, heads=32, intermediate=9728, tied=True),
        Shape("qwen3-8b", hidden=4096, layers=36, heads=32, intermediate=12288, tied=False),
        Shape("qwen3-14b", hidden=5120, layers=40, heads=40, intermediate=17408, tied=False),
        Shape("qwen3-32b", hidden=5120, layers=64, heads=64, intermediate=25600, tied=False),
    )
}
