"""What is compared: Quire's recipes, and the formats and methods of other tools between about 3 and 8 bits."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """One way to make a model smaller."""

    name: str  # unique: how it is chosen and recorded
    maker: str  # "quire", "llama.cpp", "ik_llama", "autoround", "gptqmodel", "llm-compressor"
    form: str  # the recipe, file type or method as its maker calls it
    weighted: bool = False  # with an importance matrix


QUIRE_RECIPES = ("near-lossless", "int8", "balanced", "nl4", "int4-gptq", "int4", "nl3", "smallest")

LLAMA_TYPES = (
    "IQ3_XXS", "IQ3_XS", "IQ3_S", "IQ3_M", "Q3_K_S", "Q3_K_M", "Q3_K_L", "IQ4_XS", "IQ4_NL", "Q4_0", "Q4_1", "Q4_K_S",
    "Q4_K_M", "Q5_0", "Q5_1", "Q5_K_S", "Q5_K_M", "Q6_K", "Q8_0",
)  # fmt: skip

# Those that only ik_llama.cpp has; what it shares with llama.cpp is the same format and nearly the same code.
IK_TYPES = (
    "IQ3_KT", "IQ3_KS", "IQ3_K", "IQ3_KL", "IQ4_KT", "IQ4_KSS", "IQ4_KS", "IQ4_K", "IQ5_KS", "IQ5_K", "IQ6_K",
)  # fmt: skip

# Methods for a uniform grid of 4 bits with a scale for 128 inputs, which is that of Quire's int4-gptq.
TORCH_METHODS = {"autoround": ("w4g128",), "gptqmodel": ("w4g128",), "llm-compressor": ("gptq-w4a16", "awq-w4a16")}


def file_type_variants(maker: str, types: tuple[str, ...]) -> list[Variant]:
    """Every type without and with an importance matrix."""
    prefix = maker.removesuffix(".cpp") + "-"
    plain = [Variant(prefix + form.lower(), maker, form) for form in types]
    return plain + [Variant(variant.name + "-imatrix", maker, variant.form, True) for variant in plain]


def all_variants() -> list[Variant]:
    return (
        [Variant("quire-" + recipe, "quire", recipe) for recipe in QUIRE_RECIPES]
        + file_type_variants("llama.cpp", LLAMA_TYPES)
        + file_type_variants("ik_llama", IK_TYPES)
        + [Variant(f"{tool}-{form}", tool, form) for tool, forms in TORCH_METHODS.items() for form in forms]
    )


def chosen(words: str, variants: list[Variant]) -> list[Variant]:
    """The variants that a list such as "quire,llama-q4_k_m,autoround" names: by name or by maker.

    Raises ValueError with the unknown word."""
    found = []
    for word in words.split(","):
        matching = [variant for variant in variants if word in (variant.name, variant.maker)]
        if not matching:
            raise ValueError(word)
        found += matching
    return list(dict.fromkeys(found))
