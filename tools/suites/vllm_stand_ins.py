"""Stand-ins for the modules of vLLM and PyTorch that its server tests import.

A test that only talks to a server runs with them. Whatever else a test takes from these modules is a `Missing`: it can
be imported, named in annotations and used in decorators, and raises `Internals` when a test calls it.
"""

import importlib.abc
import importlib.machinery
import json
import os
import sys
import types

SETTINGS = json.loads(os.environ["QUIRE_SUITES"])
ROOTS = ("vllm", "torch", "tensorizer", "runai_model_streamer", "mteb", "vllm_test_utils", "cloudpickle", "tblib",
         "openai_harmony", "torchvision", "model_hosting_container_standards")
EXACT = {}  # module → names that work


class Internals(Exception):
    """A test needs a part of vLLM itself, not of its server."""


class MissingType(type):
    """The class of `Missing` classes: every attribute is missing too, and `X | Y` works in annotations."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return missing(f"{cls.__qualname__}.{name}")

    def __or__(cls, other):
        return object

    __ror__ = __or__

    def __getitem__(cls, _):
        return cls

    def __iter__(cls):
        raise Internals(cls.__qualname__)

    def __call__(cls, *arguments, **_):
        if "PYTEST_CURRENT_TEST" in os.environ:
            raise Internals(f"needs {cls.__qualname__}")
        return missing(f"{cls.__qualname__}()")  # at the top of a file


def missing(name: str):
    return MissingType(name.rpartition(".")[2], (), {"__qualname__": name})


class StandIn(types.ModuleType):
    __path__: list = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = missing(f"{self.__name__}.{name}")
        setattr(self, name, value)
        return value


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ROOTS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, module):
        for name, value in EXACT.get(module.__name__, {}).items():
            setattr(module, name, value)


def served_folder() -> str:
    return SETTINGS["models"]["noise"]


def get_tokenizer(*_, **__):
    """The tokenizer of the model that is served, whatever a test asks for."""
    import transformers

    return transformers.PreTrainedTokenizerFast.from_pretrained(served_folder())


def get_open_port() -> int:
    from quire_server import free_port

    return free_port()


class Platform:
    """No accelerator of any kind."""

    device_type = "cpu"

    def is_cpu(self) -> bool:
        return True

    def device_count(self) -> int:
        return 0

    def __getattr__(self, name):
        if name.startswith(("is_", "supports_", "has_")):
            return lambda *_, **__: False
        raise AttributeError(name)


class ModelConfig:
    def __init__(self, *_, **__):
        pass

    def get_vocab_size(self) -> int:
        """Entries of the vocabulary, without padding."""
        return len(get_tokenizer())


class VLLMValidationError(ValueError):
    pass


def download_weights_from_hf(name, *_, **__):
    return name


class Hub:
    """A model hub that has nothing and downloads nothing."""

    def snapshot_download(self, repo_id=None, *_, **__):
        return repo_id


EXACT.update({
    "vllm.tokenizers": {"get_tokenizer": get_tokenizer},
    "vllm.utils.network_utils": {"get_open_port": get_open_port},
    "vllm.platforms": {"current_platform": Platform()},
    "vllm.config": {"ModelConfig": ModelConfig},
    "vllm.exceptions": {"VLLMValidationError": VLLMValidationError},
    "vllm.transformers_utils.repo_utils": {"hf_api": Hub},
    "vllm.model_executor.model_loader.weight_utils": {"download_weights_from_hf": download_weights_from_hf},
    "vllm.version": {"__version__": "0"},
    "vllm": {"__version__": "0"},
    "torch": {"__version__": "0", "__spec__": None},
})


def install() -> None:
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
