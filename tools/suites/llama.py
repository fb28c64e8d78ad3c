"""llama.cpp's server tests, from the source archive of llama-cpp-python, in a copy that starts `quire serve`.

The tests were written for llama-server and a model of children's stories. The dialect that is translated in the copy:

1. `ServerProcess` starts `quire serve`, see llama_server.py. Every chat has Qwen3's template, whatever a test sets.
2. Texts: a pattern that names words of the stories (the list STORIES) matches any text that is not empty. Patterns that
   follow from a schema or a grammar stay.
3. Counts of tokens: a count that follows from llama's tokenizer and template becomes "1 or more" (the list COUNTS).
4. A file name of a model that ends in .gguf becomes any path. Nothing is downloaded: a draft model is Quire's own
   lookup of drafts in the text.

Everything else stays as it is.
"""

import shutil
from pathlib import Path

PACKAGES = ["pytest", "pytest-timeout", "requests", "openai", "filelock", "numpy", "aiohttp", "prometheus-client"]
TESTS = Path("vendor/llama.cpp/tools/server/tests")
HERE = Path(__file__).resolve().parent

STORIES = [
    "But she couldn't", '(Suddenly)+|\\{ " Sarax.', "(Suddenly)+", "^ blue", "(Aside|she|felter|alonger)+",
    "Whillicter", "(little|girl)+", "(going|bed)+", "(princesses|everyone|kids|Anna|forest)+", "(Whiskers|Flana)+",
    "(Jack|said)+", "(Ann|small|shiny|Daddy|Jimmy)+", "(Dad|excited|park|Jimmy)+", "(wise|kind|owl|answer)+", "(\\{|John)+",
]

# file, found, written instead
COUNTS = [
    ("test_chat_completion.py", '["prompt_tokens"] == n_prompt', '["prompt_tokens"] >= 1'),
    ("test_chat_completion.py", '["cached_tokens"] == n_cache', '["cached_tokens"] >= 0'),
    ("test_chat_completion.py", "total_batch_count == batch_count", "total_batch_count >= 1"),
    ("test_completion.py", '["prompt_n"] == n_prompt', '["prompt_n"] >= 1'),
    ("test_completion.py", '["cache_n"] == n_prompt', '["cache_n"] >= 1'),
    ("test_completion.py", '"<s> " + prompt', "prompt"),
    ("test_ctx_shift.py", '["prompt_n"] == 226', '["prompt_n"] >= 1'),
    ("test_ctx_shift.py", "(-1, 248, True)", "(-1, None, True)"),
    (
        "test_ctx_shift.py", '["predicted_n"] == n_token_output',
        '["predicted_n"] == (n_token_output or 256 - res.body["timings"]["prompt_n"])',
    ),
    ("test_basic.py", '".gguf" in res.body["model_path"]', 'res.body["model_path"]'),
]

APPENDED = '''

# Added by tools/check-suites.
from llama_server import replaced  # noqa: E402

ServerProcess = replaced(ServerProcess)
STORIES = %r
_match_regex = match_regex


def download_file(url: str, output_file_path: str | None = None) -> str:
    return output_file_path or url


def match_regex(regex: str, text: str) -> bool:
    return bool(text) if regex in STORIES else _match_regex(regex, text)
'''


def prepare(unpacked: Path, copy: Path) -> Path:
    """A copy of the suite that starts `quire serve`; returns the folder to run pytest in."""
    shutil.rmtree(copy, ignore_errors=True)
    folder = copy / "tools" / "server" / "tests"
    shutil.copytree(unpacked / TESTS, folder)
    templates = unpacked / "vendor/llama.cpp/models/templates"
    if templates.exists():
        shutil.copytree(templates, copy / "models" / "templates")
    for name in ("quire_server.py", "llama_server.py"):
        shutil.copy(HERE / name, folder / name)
    (folder / "tmp").mkdir(exist_ok=True)
    (folder / "wget.py").write_text("def download(*_, **__):\n    raise OSError('no downloads in this suite')\n")
    utils = folder / "utils.py"
    utils.write_text(utils.read_text() + APPENDED % STORIES)
    conftest = folder / "conftest.py"
    # The fixture loads the models of llama-server once before all tests.
    conftest.write_text(conftest.read_text().replace("ServerPreset.load_all()", "pass"))
    for name, found, written in COUNTS:
        path = folder / "unit" / name
        text = path.read_text()
        if found not in text:
            print(f"check-suites: {name} has no '{found}' to translate; its version differs")
        path.write_text(text.replace(found, written))
    return folder


def selection(_folder: Path) -> list[str]:
    """Arguments of pytest."""
    return ["-m", "not slow", "unit"]
