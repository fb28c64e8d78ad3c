"""Quantizes a GGUF file with llama.cpp or ik_llama.cpp, and converts the result to float32 with the same program.

    llama_worker.py '{"maker": "llama.cpp", "source": F, "form": "Q4_K_M", "target": F, "floats": F, "threads": 2,
                      "importance": null, "statistics": null}'

Runs in the maker's environment, in a process of its own because the libraries abort on errors. "statistics" is the file of
`quire calibrate` to take an importance matrix from. Prints a line of JSON: version, and how often each type occurs.
"""

import ctypes
import json
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import gguf_header
import importance

FLOAT32 = 0  # both as a type of tensors and as a type of files


def type_names(library: ctypes.CDLL, path: Path) -> dict[str, int]:
    """How often each type occurs among the tensors that are not float32, as norms are."""
    library.ggml_type_name.restype = ctypes.c_char_p
    counts = Counter(entry.type_id for entry in gguf_header.tensors(path) if entry.type_id != FLOAT32)
    return {library.ggml_type_name(ctypes.c_int(kind)).decode(): count for kind, count in counts.most_common()}


def library_in(package_folder: Path, names: tuple[str, ...]) -> ctypes.CDLL:
    for name in names:
        for path in sorted(package_folder.glob(f"lib/{name}*")):
            return ctypes.CDLL(str(path))
    sys.exit(f"expected a library {' or '.join(names)} in {package_folder}, found none")


def run_llama(task: dict) -> dict:
    import llama_cpp

    messages = []

    @llama_cpp.llama_log_callback
    def keep(_level, text, _data):
        messages.append(text.decode(errors="replace"))

    llama_cpp.llama_log_set(keep, None)

    def quantize(source: str, target: str, file_type: int, squares: dict | None, to_floats: bool) -> None:
        parameters = llama_cpp.llama_model_quantize_default_params()
        parameters.nthread = task["threads"]
        parameters.ftype = file_type
        if to_floats:
            parameters.allow_requantize = True
            parameters.output_tensor_type = parameters.token_embedding_type = FLOAT32
        if squares is not None:  # ends with an entry without a name
            arrays = {name: (ctypes.c_float * len(values))(*values) for name, values in squares.items()}
            entries = (llama_cpp.llama_model_imatrix_data * (len(arrays) + 1))()
            for entry, (name, values) in zip(entries, arrays.items()):
                entry.name, entry.size = name.encode(), len(values)
                entry.data = ctypes.cast(values, type(entry.data))
            parameters.imatrix = entries
        if llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(parameters)) != 0:
            errors = [line.strip() for line in messages if "failed" in line] or ["llama_model_quantize failed"]
            sys.exit(errors[-1])

    squares = importance.mean_squares(Path(task["statistics"])) if task["statistics"] else None
    file_type = getattr(llama_cpp, "LLAMA_FTYPE_MOSTLY_" + task["form"])
    quantize(task["source"], task["target"], file_type, squares, False)
    quantize(task["target"], task["floats"], FLOAT32, None, True)
    library = library_in(Path(llama_cpp.__file__).parent, ("libggml-base.so", "libggml.so"))
    release = version("llama-cpp-python")
    return {"version": f"llama-cpp-python {release}", "types": type_names(library, Path(task["target"]))}


def run_ik(task: dict) -> dict:
    import ik_llama_cpp

    folder = Path(ik_llama_cpp.__file__).parent
    program = folder / "bin" / "llama-quantize"
    program.chmod(0o755)

    def quantize(*words: str) -> None:
        outcome = subprocess.run([str(program), *words], capture_output=True, text=True)
        if outcome.returncode != 0:
            lines = (outcome.stdout + outcome.stderr).strip().splitlines()
            errors = [line.strip() for line in lines if "fail" in line] or lines[-1:] or ["llama-quantize failed"]
            sys.exit(errors[-1])

    weighted = []
    if task["statistics"]:
        path = Path(task["target"]).with_suffix(".imatrix")
        importance.write_legacy(importance.mean_squares(Path(task["statistics"])), path)
        weighted = ["--imatrix", str(path)]
    threads = str(task["threads"])
    quantize(*weighted, task["source"], task["target"], task["form"], threads)
    floats = ["--allow-requantize", "--output-tensor-type", "f32", "--token-embedding-type", "f32"]
    quantize(*floats, task["target"], task["floats"], "F32", threads)
    library = library_in(folder, ("libggml.so",))
    release = version("ik-llama-cpp-python")
    return {"version": f"ik-llama-cpp-python {release}", "types": type_names(library, Path(task["target"]))}


if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    print(json.dumps(run_llama(task) if task["maker"] == "llama.cpp" else run_ik(task)))
