"""The programs that are compared, and the cells that each of them is measured in."""

from dataclasses import dataclass, field

from shapes import Shape


@dataclass(frozen=True)
class Program:
    """One contestant: an engine with a format and a setting."""

    name: str
    engine: str  # "quire", "llama.cpp", "openvino", "vllm"
    bits: int  # programs of equal bits are compared
    form: str  # the weights' format as the engine calls it
    table_bits: float = 8  # bits a number of the embedding, of which a step reads one row a sequence
    cache_bytes: int = 2  # bytes a number of the cache of keys and values
    settings: dict = field(default_factory=dict, hash=False)  # what its worker does differently
    # What the kernels that the worker names must contain, and must not: without it the row is dropped.
    proof: str = ""
    disproof: str = ""


LLAMA_PLAIN = {"repack": False}
LLAMA_REPACKED = "CPU_REPACK|AMX"
# llama.cpp has no other order of Q8_0's blocks on x86 without AMX, so there is one row.
LLAMA_AS_STORED = "CPU"
# Activations in groups as large as ours: faster than the default of 32 in every cell. The program's own choice of
# precision multiplies in bfloat16 where the CPU has tiles for it; with float32 its inputs are rounded to int8.
OPENVINO = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 128}
OPENVINO_INT8 = OPENVINO | {"INFERENCE_PRECISION_HINT": "f32"}
ZENTORCH = {"zentorch": True}

PROGRAMS = [
    Program("quire-int4", "quire", 4, "int4"),
    Program("quire-nl4", "quire", 4, "nl4"),
    Program("llama-q4_0", "llama.cpp", 4, "q4_0", 4.5, proof=LLAMA_REPACKED),
    Program("llama-q4_0-norepack", "llama.cpp", 4, "q4_0", 4.5, 2, LLAMA_PLAIN, "CPU", LLAMA_REPACKED),
    Program("llama-q4_k_m", "llama.cpp", 4, "q4_k_m", 4.5, proof=LLAMA_REPACKED),
    Program("llama-q4_k_m-norepack", "llama.cpp", 4, "q4_k_m", 4.5, 2, LLAMA_PLAIN, "CPU", LLAMA_REPACKED),
    Program("openvino-int4", "openvino", 4, "int4", 8, 1, OPENVINO, "brgemm|gemm"),
    Program("openvino-int4-f32", "openvino", 4, "int4", 8, 1, OPENVINO_INT8, "brgemm|gemm"),
    Program("vllm-w4a16", "vllm", 4, "w4a16", 16, proof="CPUWNA16LinearKernel", disproof="entorch"),
    Program("vllm-zentorch-w4a16", "vllm", 4, "w4a16", 16, 2, ZENTORCH, "ZentorchWNA16LinearKernel compressed_tensors"),
    Program("quire-int8", "quire", 8, "int8"),
    Program("llama-q8_0", "llama.cpp", 8, "q8_0", 8.5, proof=LLAMA_AS_STORED),
    Program("openvino-int8", "openvino", 8, "int8", 8, 1, OPENVINO, "brgemm|gemm"),
    Program("openvino-int8-f32", "openvino", 8, "int8", 8, 1, OPENVINO_INT8, "brgemm|gemm"),
    Program("vllm-w8a8", "vllm", 8, "w8a8", 16, proof="CPUInt8ScaledMMLinearKernel", disproof="entorch"),
    Program("vllm-zentorch-w8a8", "vllm", 8, "w8a8", 16, 2, ZENTORCH, "ZentorchInt8ScaledMMLinearKernel"),
]


@dataclass(frozen=True)
class Cell:
    """What is timed: the computation of a prompt, or steps that give every sequence of a batch a token."""

    phase: str  # "prompt", "decode"
    tokens: int  # of a prompt; 0 for decoding
    batch: int
    context: int  # tokens before

    @property
    def title(self) -> str:
        if self.phase == "prompt":
            return f"prompt {self.tokens}"
        return f"×{self.batch}" + (f" after {self.context}" if self.context else "")

    @property
    def computed(self) -> int:
        """Tokens in one timed repetition."""
        return self.tokens or self.batch


@dataclass(frozen=True)
class Task:
    """What every program does in a round."""

    shape: Shape
    threads: int
    prompt_tokens: list[int]
    batches: list[int]
    generate_tokens: int
    contexts: list[int]
    repeat: int

    @property
    def cache_gib(self) -> int:
        """Memory for the keys and values, in 16 bits, of the largest cell."""
        steps = 2 * self.generate_tokens + 80
        tokens = max(self.batches) * (max(self.contexts) + steps) + max(self.prompt_tokens)
        count = tokens * 2 * self.shape.layers * self.shape.kv_heads * self.shape.head_size * 2
        return count // 2**30 + 1

    @property
    def cells(self) -> list[Cell]:
        prompts = [Cell("prompt", tokens, 1, 0) for tokens in self.prompt_tokens if tokens]
        if not self.generate_tokens:
            return prompts
        return prompts + [Cell("decode", 0, batch, context) for context in self.contexts for batch in self.batches]


@dataclass(frozen=True)
class Load:
    """What the clients ask for."""

    clients: int = 16
    prompt_tokens: int = 128
    answer_tokens: int = 64
