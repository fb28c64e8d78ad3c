"""`tests.utils` of vLLM's tests, with `quire serve` in the place of `vllm serve`."""

import os
import sys
from pathlib import Path

import pytest
from quire_server import NotOffered, QuireServer, free_port, has_option

VLLM_PATH = Path(__file__).resolve().parent.parent
ROCM_EXTRA_ARGS: list[str] = []
ROCM_ENV_OVERRIDES: dict[str, str] = {}
# Files that need a model that thinks, or that ends its answer; the others are given one that writes until its limit.
THINKING = (
    "test_include_reasoning", "test_thinking_token_budget", "test_reasoning", "test_chat_echo", "anthropic/",
    "test_completion_with_function_calling", "test_root_path", "responses/test_basic",
    "responses/test_simple", "responses/test_stateful",
)
# Suites with long descriptions of tools and a context that the demo model's small vocabulary needs four times of.
LONG_PROMPTS = ("tool_use/",)
# vLLM's option: Quire's option.
TRANSLATED = {
    "--max-model-len": "--context", "--max-num-seqs": "--slots", "--api-key": "--api-key", "--host": "--host",
    "--port": "--port", "--max-num-batched-tokens": "--token-budget", "-p": "--port",
}
NOT_OFFERED = {
    "--uds": "a Unix socket", "--root-path": "a path prefix", "--middleware": "Python code in the server",
    "--ssl-keyfile": "TLS",
    "--enable-force-include-usage": "usage in all streams", "--headless": "several processes",
    "--return-tokens-as-token-ids": "an option for ids as log-probabilities' names",
    "--enable-prompt-embeds": "embeddings as prompts", "--api-server-count": "several processes",
    "--enable-sleep-mode": "sleep", "--tool-server": "tools run by the server",
}


def values(words: list[str], start: int) -> list[str]:
    found = []
    for word in words[start + 1 :]:
        if word.startswith("--"):
            break
        found.append(word)
    return found


class RemoteOpenAIServer:
    DUMMY_API_KEY = "token-abc123"

    def __init__(self, model, vllm_serve_args, *, env_dict=None, seed=0, auto_port=True, max_wait_seconds=None,
                 override_hf_configs=None, **_):
        words = [part for word in map(str, vllm_serve_args) for part in split_option(word)]
        self.uds, self.host, self.port = None, "127.0.0.1", free_port()
        self.show_hidden_metrics = False
        test = os.environ.get("PYTEST_CURRENT_TEST", "")
        options, names = [], [model]
        for index, word in enumerate(words):
            # The tests of keys and request ids happen to use a model for embeddings.
            if word == "--runner" and words[index + 1] == "pooling" and "middleware" not in test:
                raise NotOffered("not offered: embeddings")
            if word in NOT_OFFERED and not has_option(word):
                raise NotOffered(f"not offered: {NOT_OFFERED[word]}")
            if word == "--served-model-name":
                names = values(words, index)
            elif word == "--api-key" and not has_option("--api-key"):
                raise NotOffered("not offered: API keys")
            elif word in ("--port", "-p"):
                self.port = int(words[index + 1])
            elif option := TRANSLATED.get(word):
                value = words[index + 1]
                if option == "--context" and any(name in test for name in LONG_PROMPTS):
                    value = str(4 * int(value))
                options += [option, value]
        key = (env_dict or {}).get("VLLM_API_KEY")
        if key and has_option("--api-key"):
            options += ["--api-key", key]
        options += ["--model-name", names[0]]
        for name in names[1:]:
            if not has_option("--model-alias"):
                raise NotOffered("not offered: several names of a model")
            options += ["--model-alias", name]
        thinking = any(name in test for name in THINKING)
        self.quire = QuireServer("demo" if thinking else "noise", {"temperature": 0.7}, options, self.port, None)
        self.proc = self.quire.process
        self.quire.wait(max_wait_seconds or 60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.quire.stop()

    @property
    def url_root(self) -> str:
        return f"http://{self.host}:{self.port}"

    def url_for(self, *parts: str) -> str:
        return "/".join([self.url_root, *(part.strip("/") for part in parts if part)])

    def _client(self, kind, base: str, options: dict):
        return kind(base_url=base, api_key=self.DUMMY_API_KEY, max_retries=0, **{"timeout": 60, **options})

    def get_client(self, **options):
        import openai

        return self._client(openai.OpenAI, self.url_for("v1"), options)

    def get_async_client(self, **options):
        import openai

        return self._client(openai.AsyncOpenAI, self.url_for("v1"), options)

    def get_client_anthropic(self, **options):
        import anthropic

        return self._client(anthropic.Anthropic, self.url_root, options)

    def get_async_client_anthropic(self, **options):
        import anthropic

        return self._client(anthropic.AsyncAnthropic, self.url_root, options)


def split_option(word: str) -> list[str]:
    head, equals, rest = word.partition("=")
    return [head, rest] if equals and head.startswith("--") else [word]




class RemoteLaunchRenderServer(RemoteOpenAIServer):
    pass


class RemoteOpenAIServerCustom(RemoteOpenAIServer):
    def __init__(self, *_, **__):
        raise NotOffered("not offered: Python code in the server")


def no_accelerator(*arguments, **_):
    """For `multi_gpu_test(…)`, `large_gpu_mark(…)` and the like: the decorated test is skipped."""
    skip = pytest.mark.skip(reason="needs an accelerator")
    return skip(arguments[0]) if arguments and callable(arguments[0]) else skip


multi_gpu_test = multi_gpu_only = large_gpu_test = large_gpu_mark = single_gpu_only = requires_fp8 = no_accelerator


def create_new_process_for_each_test(*_, **__):
    return lambda function: function


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return sys.modules["vllm_stand_ins"].missing(f"tests.utils.{name}")
