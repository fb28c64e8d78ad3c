"""The peers' model files: random weights, made when they are not there."""

import os
import shutil
from pathlib import Path

from environment import PeerError, run
from programs import Program
from shapes import Shape

HERE = Path(__file__).resolve().parent
# Where each engine looks for its model: the script that writes it and the file inside the model's folder.
MAKERS = {
    "llama.cpp": ("gguf_model.py", "model.gguf"),
    "openvino": ("openvino_model.py", "openvino_model.xml"),
    "vllm": ("vllm_model.py", ""),
}


class Models:
    def __init__(self, folder: Path, say):
        self.folder = folder
        self.say = say
        self.made: set[Path] = set()

    def of(self, program: Program, shape: Shape, python: Path, suffix: str = "", more: list[str] = []) -> Path:
        """The program's model file or folder; another suffix for models that are made with further words."""
        script, name = MAKERS[program.engine]
        folder = self.folder / f"{shape.name}-{shape.layers}-{program.engine}-{program.form}{suffix}"
        if not folder.exists():
            self.make(program, shape, [str(python), str(HERE / script)], name, folder, more)
        return folder / name if name else folder

    def make(
        self, program: Program, shape: Shape, command: list[str], name: str, folder: Path, more: list[str]
    ) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Bits a parameter with scales: 4.9 on average in Q4_K_M, 8.5 in Q8_0, and embeddings and heads of up to 16.
        needed = int(shape.parameters * (0.75 if program.bits == 4 else 1.1)) + 4 * shape.vocabulary * shape.hidden
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise PeerError(
                f"{folder.name} needs {needed / 1e9:.1f} GB on the disk, found {free / 1e9:.1f} GB free: free space or choose a smaller --shape"
            )
        self.say(f"making {folder.name}")
        partial = self.folder / ("partial-" + folder.name)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        self.made |= {folder, partial}
        words = [shape.name, str(shape.layers), program.form, str(partial / name), *more]
        run(command + words, f"make {folder.name}")
        os.replace(partial, folder)

    def step_bytes(self, program: Program, shape: Shape) -> float:
        """Bytes of weights that a decode step reads: all of the model's but the embedding, unless that is the head."""
        folder = self.folder / f"{shape.name}-{shape.layers}-{program.engine}-{program.form}"
        size = sum(path.stat().st_size for path in folder.iterdir())
        shared = shape.tied and program.engine != "openvino"
        return size - (0 if shared else shape.vocabulary * shape.hidden * program.table_bits / 8)

    def remove(self) -> None:
        for folder in self.made:
            shutil.rmtree(folder, ignore_errors=True)
