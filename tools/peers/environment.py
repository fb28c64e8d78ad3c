"""The throw-away Python environment with the peers in it."""

import os
import subprocess
import sys
from pathlib import Path

PACKAGES = ("numpy", "gguf", "llama-cpp-python", "openvino")


class PeerError(Exception):
    """One sentence: expected, found, what to do."""


def environment(folder: Path, say) -> Path:
    """The interpreter of the environment in `folder`, which is made and filled when it is not complete."""
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if complete.exists():
        return python
    say(f"making {folder}: llama.cpp is built from source for this CPU, which takes some minutes")
    run([sys.executable, "-m", "venv", "--clear", str(folder)], "make a virtual environment (python3-venv)")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for package in PACKAGES:
        say(f"installing {package}")
        # The wheel of another machine would not use this CPU's instructions.
        source = ["--no-binary", package] if package == "llama-cpp-python" else []
        run(install + source + [package], f"install {package} from PyPI")
    complete.touch()
    return python


def run(command: list[str], purpose: str) -> None:
    # llama.cpp's part for images would double the time of its build.
    settings = {"CMAKE_ARGS": "-DLLAVA_BUILD=OFF"} | os.environ
    outcome = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=settings)
    if outcome.returncode != 0:
        last = outcome.stdout.strip().splitlines()[-1:] or ["no message"]
        raise PeerError(f"cannot {purpose}: {last[0]}")
