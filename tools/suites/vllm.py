"""vLLM's tests of its servers for text, in a copy that starts `quire serve`.

Only files that start a server or use one from their conftest are run, and of these only text: no pooling, speech,
images, LoRA, training. The dialect that is translated in the copy:

1. `tests.utils.RemoteOpenAIServer` starts `quire serve`, see vllm_server.py. The served name is the one that the test
   asks for. A test that uses an option without a counterpart fails with `NotOffered`.
2. Modules of vLLM and PyTorch are stand-ins, see vllm_stand_ins.py. A test that calls into them fails with `Internals`.
3. The context of tool_use is four times as long: the demo model's vocabulary of 701 entries needs more tokens.
4. LoRA adapters are left out: a test that names one fails, others of the same server run.
5. An expectation on the text, or the count of tokens, of a particular model becomes one on its type. Where a test wants
   the model to choose a call, the call is forced. Names of metrics begin with `quire:` (the list TEXTS).

Everything else stays as it is.
"""

import re
import shutil
from pathlib import Path

PACKAGES = [
    "pytest", "pytest-asyncio", "pytest-timeout", "requests", "httpx", "openai", "anthropic", "numpy", "transformers",
    "jinja2", "jsonschema", "regex", "schemathesis", "prometheus-client", "pydantic", "typing_extensions", "tokenizers",
    "pybase64", "orjson", "fastapi", "mcp",
]
HERE = Path(__file__).resolve().parent
FOLDERS = ("entrypoints", "tool_use")
OTHER = re.compile(r"/(pooling|speech_to_text|multimodal|rl|lora|llm|mistral|correctness)/|multimodal|_vlm\.py|vision|harmony"
                   r"|tensorizer|prompt_embeds|multi_api_servers|test_joint_e2e|extra_content_fields|test_mcp_tools"
                   r"|test_remote_vllm_server|test_openai_tool_parser|collective_rpc|test_shutdown")
USES_SERVER = re.compile(
    r"Remote\w+Server\(|def test\w*\([^)]*\b(client|server|async_client|basic_server_with_lora)\b", re.DOTALL
)

CHAT = "entrypoints/openai/chat_completion/"
RESPONSES = "entrypoints/openai/responses/"
USAGE = (
    "usage == openai.types.CompletionUsage(\n        completion_tokens=5, prompt_tokens={}, total_tokens={}\n    )"
)
WHEN_RIGHT = 'assert loaded == {"result": 2}, loaded\n\n\n@'
CALLS, FORCED = "tools=[WEATHER_TOOL, SEARCH_TOOL],", 'tools=[WEATHER_TOOL], tool_choice="required",'

# File, function or None for the whole file, found, written instead.
TEXTS = [
    # What a particular model answers.
    (CHAT + "test_chat.py", None, WHEN_RIGHT, "assert isinstance(loaded, dict)\n\n\n@"),
    (CHAT + "test_chat.py", None, 'assert content == "2"', "assert isinstance(content, str)"),
    (CHAT + "test_chat.py", None, 'json1["name"] != json2["name"]', "set(json1) == set(json2)"),
    (CHAT + "test_completion_with_function_calling.py", None, 'json1["name"] != json2["name"]',
     "set(json1) == set(json2)"),
    (CHAT + "test_completion_with_function_calling.py", None, 'json1["age"] != json2["age"]',
     "set(json1) == set(json2)"),
    ("tool_use/test_tool_calls.py", None, 'assert "98" in choice', "assert choice"),
    ("tool_use/test_parallel_tool_calls.py", None, 'assert "98" in choice', "assert choice"),
    ("tool_use/test_parallel_tool_calls.py", None, 'assert "78" in choice', "assert choice"),
    ("tool_use/test_tool_calls.py", None, '.get("city") == "Dallas"', '.get("city") != 0'),
    ("tool_use/test_tool_calls.py", None, '.get("state") == "TX"', '.get("state") != 0'),
    # The schema requires neither.
    ("tool_use/test_tool_calls.py", None, '.get("city"), str', '.get("city", ""), str'),
    ("tool_use/test_tool_calls.py", None, '.get("state"), str', '.get("state", ""), str'),
    (RESPONSES + "test_basic.py", None, '"312" in output', "output"),
    (RESPONSES + "test_basic.py", None, '"QED" in output_text', "output_text"),
    (RESPONSES + "test_basic.py", None, '"30" in output_text', "output_text"),
    (RESPONSES + "test_stateful.py", None, '"Mark" in response3.', "response3."),
    (RESPONSES + "test_stateful.py", None, '"John" not in response3.', "response3."),
    (RESPONSES + "test_stateful.py", None, '"John" in response3_result.', "response3_result."),
    (RESPONSES + "test_stateful.py", None, '"Mark" not in response3_result.', "response3_result."),
    # Counts of tokens.
    (CHAT + "test_chat.py", None, "chat_completion." + USAGE.format(37, 42),
     "chat_completion.usage.total_tokens == chat_completion.usage.prompt_tokens + 5"),
    ("entrypoints/serve/instrumentator/test_orca_metrics.py", None, "completion." + USAGE.format(5, 10),
     "completion.usage.total_tokens == completion.usage.prompt_tokens + 5"),
    ("entrypoints/openai/completion/test_completion.py", None, "completion.usage.prompt_tokens == 5",
     "completion.usage.prompt_tokens >= 1"),
    ("entrypoints/openai/completion/test_completion.py", None, "completion.usage.total_tokens == 10",
     "completion.usage.total_tokens > 5"),
    # A call that the model should choose.
    ("tool_use/test_tool_calls.py", "test_tool_call_and_choice", CALLS, FORCED),
    ("tool_use/test_tool_calls.py", "test_tool_call_and_choice", "=100", "=400"),
    ("tool_use/test_parallel_tool_calls.py", "test_parallel_tool_calls_false", CALLS, FORCED),
    ("tool_use/test_parallel_tool_calls.py", "test_parallel_tool_calls_false", "=200", "=400"),
    # Names of metrics.
    ("entrypoints/serve/instrumentator/test_metrics.py", None, '"vllm:', '"quire:'),
]

CONFTEST = '''"""Written by tools/check-suites."""

import vllm_stand_ins

vllm_stand_ins.install()

import pytest  # noqa: E402
import transformers  # noqa: E402


class Tokenizers:
    """The tokenizer of the model that is served, whatever name a test asks for."""

    @staticmethod
    def from_pretrained(*_, **__):
        return vllm_stand_ins.get_tokenizer()


transformers.AutoTokenizer = Tokenizers


class LocalAssetServer:
    """A server of pictures: none."""
'''


def prepare(unpacked: Path, copy: Path) -> Path:
    """A copy of the suite that starts `quire serve`; returns the folder to run pytest in."""
    shutil.rmtree(copy, ignore_errors=True)
    tests = copy / "tests"
    tests.mkdir(parents=True)
    for name in FOLDERS:
        shutil.copytree(unpacked / "tests" / name, tests / name)
    (tests / "__init__.py").touch()
    (tests / "conftest.py").write_text(CONFTEST)
    shutil.copy(HERE / "vllm_server.py", tests / "utils.py")
    for name in ("quire_server.py", "vllm_stand_ins.py"):
        shutil.copy(HERE / name, copy / name)
    if (unpacked / "examples").exists():
        shutil.copytree(unpacked / "examples", copy / "examples", ignore_dangling_symlinks=True)
    (copy / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = module\n"
        "asyncio_default_test_loop_scope = module\n"
    )
    for name, function, found, written in TEXTS:
        translate(tests / name, function, found, written)
    return copy


def translate(path: Path, function: str | None, found: str, written: str) -> None:
    text = path.read_text()
    begin = text.find(f"def {function}(") if function else 0
    end = text.find("\n@pytest", begin) if function else -1
    part = text[begin:] if end < 0 else text[begin:end]
    if begin < 0 or found not in part:
        print(f"check-suites: {path.name} has no '{found}' to translate; its version differs")
        return
    path.write_text(text[:begin] + part.replace(found, written) + text[begin + len(part) :])


def selection(copy: Path) -> list[str]:
    """Arguments of pytest: the files that use a server."""
    files = []
    for folder in FOLDERS:
        for path in sorted((copy / "tests" / folder).rglob("test_*.py")):
            name = "/" + str(path.relative_to(copy))
            if not OTHER.search(name) and USES_SERVER.search(path.read_text()):
                files.append(name[1:])
    return ["--continue-on-collection-errors", *files]

