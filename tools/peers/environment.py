"""Throw-away Python environments with other programs in them."""

import os
import subprocess
import sys
from pathlib import Path

PACKAGES = ("numpy", "gguf", "llama-cpp-python", "openvino")
# How pip installs some of them. The llama.cpp of another machine's wheel would not use this CPU's instructions, and
# GPTQModel's build looks at the torch that is there.
OPTIONS = {"llama-cpp-python": ["--no-binary", "llama-cpp-python"], "gptqmodel": ["--no-build-isolation"]}


class PeerError(Exception):
    """One sentence: expected, found, what to do."""


def environment(folder: Path, say, packages: tuple[str, ...] = PACKAGES) -> Path:
    """The interpreter of the environment in `folder`, which is made and filled when it is not complete."""
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if complete.exists():
        return python
    built = ": llama.cpp is built from source for this CPU, which takes some minutes"
    say(f"making {folder}" + (built if "llama-cpp-python" in packages else ""))
    run([sys.executable, "-m", "venv", "--clear", str(folder)], "make a virtual environment (python3-venv)")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for package in packages:
        say(f"installing {package}")
        run(install + OPTIONS.get(package, []) + [package], f"install {package} from PyPI")
    complete.touch()
    return python


def run(command: list[str], purpose: str) -> None:
    # llama.cpp's part for images would double the time of its build.
    settings = {"CMAKE_ARGS": "-DLLAVA_BUILD=OFF"} | os.environ
    outcome = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=settings)
    if outcome.returncode != 0:
        last = outcome.stdout.strip().splitlines()[-1:] or ["no message"]
        raise PeerError(f"cannot {purpose}: {last[0]}")
