"""Makes each variant of a checkpoint and its weights in float32, in which all are compared."""

import json
import os
import shutil
import struct
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from environment import PeerError, environment
from variants import Variant

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

PACKAGES = {
    "llama.cpp": ("llama-cpp-python",),
    "ik_llama": ("ik-llama-cpp-python",),
    "autoround": ("torch", "transformers", "auto-round"),
    "gptqmodel": ("setuptools", "wheel", "torch", "transformers", "gptqmodel"),
    "llm-compressor": ("torch", "transformers", "llmcompressor"),
}


@dataclass
class Made:
    """A variant on disk."""

    floats: Path  # its weights in float32, which quire reads
    bytes: int  # of its tensors
    types: dict[str, int]  # how many matrices each type stores
    version: str
    pack: Path | None = None  # what Quire runs
    notes: dict = field(default_factory=dict)  # further members of the record


@dataclass
class Workshop:
    """What all makers share: the model, the programs, and a folder."""

    checkpoint: Path
    quire_program: Path
    folder: Path
    threads: int
    say: object  # a function of a line

    def quire(self, *words) -> str:
        outcome = subprocess.run([str(self.quire_program), *map(str, words)], capture_output=True, text=True)
        if outcome.returncode != 0:
            last = outcome.stderr.strip().splitlines()[-1:] or [f"exit status {outcome.returncode}"]
            raise PeerError(last[0].removeprefix(f"quire {words[0]}: "))
        return outcome.stdout

    def make(self, variant: Variant) -> Made:
        """Raises PeerError with a sentence that says why the maker failed."""
        target = self.folder / "models" / variant.name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        if variant.maker == "quire":
            return self.make_pack(variant, target)
        if variant.maker in ("llama.cpp", "ik_llama"):
            return self.make_gguf(variant, target)
        return self.make_with_torch(variant, target)

    # -- Quire ------------------------------------------------------------------------------------------------

    def make_pack(self, variant: Variant, target: Path) -> Made:
        recipe = Path(variant.form) if is_recipe_file(variant.form) else ROOT / "recipes" / f"{variant.form}.json5"
        pack = target / f"{recipe.stem}.quire"
        self.quire("convert", self.checkpoint, "--recipe", recipe, "--output", pack, "--quiet")
        floats = self.floats_of(pack, target)
        tensors = json.loads(self.quire("inspect", pack, "--json"))["tensors"]
        matrices = [tensor for tensor in tensors if len(tensor["shape"]) > 1]
        names = (t["scheme"] + (f" g{t['group']}" if t["group"] else "") for t in matrices)
        version = self.quire("--version").strip()
        return Made(floats, sum(t["rawBytes"] for t in tensors), dict(Counter(names).most_common()), version, pack)

    def floats_of(self, model: Path, target: Path) -> Path:
        floats = target / "floats"
        self.quire("export", model, "--format", "safetensors", "--dtype", "float32", "--output", floats, "--quiet")
        return floats

    # -- llama.cpp and ik_llama.cpp -----------------------------------------------------------------------------

    def make_gguf(self, variant: Variant, target: Path) -> Made:
        from gguf_header import tensors

        python = self.environment(variant.maker)
        file, floats = target / "model.gguf", target / "floats.gguf"
        task = {
            "maker": variant.maker, "form": variant.form, "source": str(self.source()), "target": str(file),
            "floats": str(floats), "threads": self.threads,
            "statistics": str(self.statistics()) if variant.weighted else None,
        }  # fmt: skip
        details = self.worker(python, "llama_worker.py", task)
        return Made(floats, sum(entry.bytes for entry in tensors(file)), details["types"], details["version"])

    def source(self) -> Path:
        """The checkpoint as a GGUF file, every matrix as it is stored."""
        path = self.folder / "models" / "source.gguf"
        if not path.exists():
            self.quire("export", self.checkpoint, "--format", "gguf", "--output", path, "--quiet")
        return path

    def statistics(self) -> Path:
        """Statistics of the text and windows that Quire's recipes use."""
        path = self.folder / "models" / "statistics.safetensors"
        if not path.exists():
            recipe = ROOT / "recipes" / "nl4.json5"
            self.quire("calibrate", self.checkpoint, "--recipe", recipe, "--output", path, "--quiet")
        return path

    # -- AutoRound, GPTQModel, llm-compressor -------------------------------------------------------------------

    def make_with_torch(self, variant: Variant, target: Path) -> Made:
        """Embedding and lm_head, which these tools leave as they are, are rounded to int8 with a scale for each row, as
        Quire's recipes do, so that the matrices of the layers are what differs."""
        python = self.environment(variant.maker)
        saved = target / "saved"
        task = {
            "maker": variant.maker, "form": variant.form, "checkpoint": str(self.checkpoint), "target": str(saved),
            "text": str(self.text()),
        }  # fmt: skip
        version = self.worker(python, "torch_worker.py", task)["version"]
        if not (saved / "config.json").exists():  # AutoRound makes a folder inside
            saved = next(path.parent for path in saved.rglob("config.json"))
        floats = self.floats_of(saved, target)
        ends = self.worker(python, "round_ends.py", {"folder": str(floats)})
        sizes = tensor_bytes(saved)
        as_saved = sum(sizes.values())
        kept = sum(size for name, size in sizes.items() if name in ends["tensors"])
        types = Counter("int4 g128" for name in sizes if name.endswith((".qweight", ".weight_packed")))
        types["int8"] = len(ends["tensors"])
        return Made(floats, as_saved - kept + ends["bytes"], dict(types), version, notes={"bytesAsSaved": as_saved})

    def text(self) -> Path:
        found = [folder / "calibration.jsonl" for folder in (self.checkpoint, self.checkpoint.parent)]
        for path in found:
            if path.exists():
                return path
        raise PeerError(f"expected a calibration text at {found[0]} or {found[1]}, found none: add one as recipes/README.md says")

    # -- both -------------------------------------------------------------------------------------------------

    def environment(self, maker: str) -> Path:
        return environment(self.folder / "environments" / maker, self.say, PACKAGES[maker])

    def worker(self, python: Path, script: str, task: dict) -> dict:
        """The JSON in the last line that a script prints in another environment."""
        settings = os.environ | {
            "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "OMP_NUM_THREADS": str(self.threads),
        }  # fmt: skip
        outcome = subprocess.run(
            [str(python), str(HERE / script), json.dumps(task)], capture_output=True, text=True, env=settings,
            cwd=self.folder,
        )  # fmt: skip
        if outcome.returncode != 0:
            lines = [line.strip() for line in outcome.stderr.splitlines() if line.strip()]
            raise PeerError((lines or [f"exit status {outcome.returncode}"])[-1])
        return json.loads(outcome.stdout.strip().splitlines()[-1])


def is_recipe_file(form: str) -> bool:
    """Whether a variant is a recipe of the user's, not one that comes with Quire."""
    return form.endswith(".json5")


def tensor_bytes(folder: Path) -> dict[str, int]:
    """The bytes of every tensor in a folder's safetensors files."""
    return {name: end - begin for name, (begin, end), _ in _entries(folder)}


def value_count(model: Path) -> int:
    """The parameters of a float32 model: a folder or a GGUF file."""
    if model.is_dir():
        return sum(prod(shape) for _, _, shape in _entries(model))
    from gguf_header import tensors

    return sum(entry.values for entry in tensors(model))


def _entries(folder: Path):
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        for name, entry in header.items():
            if name != "__metadata__":
                yield name, entry["data_offsets"], entry["shape"]
