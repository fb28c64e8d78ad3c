"""`ServerProcess` of llama.cpp's server tests, with `quire serve` in the place of llama-server.

The attributes that the tests set become options of `quire serve`. Defaults that llama-server has for all requests and
`quire serve` has no option for (a seed, a limit of tokens) become fields of each request that lacks them. llama-server
answers requests for a model of any name, which is an option of `quire serve`. An attribute without a counterpart ends the test with `NotOffered` and the attribute's name.
"""

import sys
import time

from quire_server import NotOffered, QuireServer, has_option

# What the attributes ask for, in the words of the report.
NOT_OFFERED = {
    "lora_files": "LoRA adapters", "mmproj_url": "images", "models_dir": "several models in one server",
    "models_preset": "several models in one server", "models_max": "several models in one server",
    "no_models_autoload": "several models in one server", "server_embeddings": "embeddings",
    "server_reranking": "reranking", "enable_ctx_shift": "context shift", "server_tools": "tools run by the server",
    "mcp_servers_config": "tools run by the server", "mcp_servers_json": "tools run by the server",
    "slot_save_path": "slots in files", "sleep_idle_seconds": "sleep", "ui_mcp_proxy": "a proxy for web pages",
    "gcp_compat": "Google's prediction API", "media_path": "images", "spec_synth_len": "made-up drafts",
    "spec_synth_rates": "made-up drafts", "model_tags": "tags of models",
}
# Attributes with an option of the same meaning, where the program has it.
OPTIONS = {
    "api_key": "--api-key", "seed": "--seed", "n_predict": "--max-tokens", "slot_save_path": "--slot-save-path",
}
LIMITS = ("n_predict", "max_tokens", "max_completion_tokens")


def replaced(original):
    class QuireProcess(original):
        def _model(self) -> None:
            repository = str(self.model_hf_repo)
            # The router's tests of origins need no router.
            if self.model_hf_repo is None and self.model_file is None and not self.cors_origins:
                raise NotOffered("not offered: several models in one server")
            if "gemma3" in repository:
                raise NotOffered("not offered: images")

        def _options(self) -> list[str]:
            words, context = [], self.n_ctx or 4096
            if not self.kv_unified:
                context //= self.n_slots or 1
            words += ["--context", str(context), "--slots", str(self.n_slots or 4)]
            if self.n_batch:
                words += ["--token-budget", str(self.n_batch)]
            if "," in self.server_host:
                raise NotOffered("not offered: several addresses to listen on")
            words += ["--host", self.server_host]
            if has_option("--any-model"):
                words.append("--any-model")
            if has_option("--no-slots") and not self.server_slots:
                words.append("--no-slots")
            if self.reasoning in ("on", "off"):
                words += ["--thinking", self.reasoning]
            if self.cors_origins != "localhost":  # what Quire allows anyway
                words += ["--allow-origin", self.cors_origins or "*"]
            if self.model_alias:
                name, *aliases = self.model_alias.split(",")
                if aliases and not has_option("--model-alias"):
                    raise NotOffered("not offered: several names of a model")
                words += ["--model-name", name]
                for alias in aliases:
                    words += ["--model-alias", alias]
            for name, purpose in NOT_OFFERED.items():
                if getattr(self, name, None) and not has_option(OPTIONS.get(name, "")):
                    raise NotOffered(f"not offered: {purpose}")
            if self.no_ui:
                if not has_option("--no-page"):
                    raise NotOffered("not offered: a server without its page")
                words.append("--no-page")
            for name, option in OPTIONS.items():
                value = getattr(self, name, None)
                if value and has_option(option):
                    words += [option, str(value)]
                elif name == "api_key" and value:
                    raise NotOffered("not offered: API keys")
            return words

        def start(self, timeout_seconds: int = 60) -> None:
            self._model()
            words = self._options()
            sampling = {"temperature": self.temperature, "top_k": 40, "top_p": 0.95, "min_p": 0.05}
            self._log = open(self.log_path, "w") if self.log_path else sys.stdout
            key = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
            log = self._log if self.log_path else None
            self.quire = QuireServer("noise", sampling, words, self.server_port, log, key)
            self.process = self.quire.process
            self.server_instances().add(self)
            self.quire.wait(timeout_seconds)
            self.ready = True

        def server_instances(self):
            return sys.modules["utils"].server_instances

        def stop(self) -> None:
            self.server_instances().discard(self)
            if self.process:
                self.quire.stop()
            self.process = None

        def _with_defaults(self, path: str, data):
            """llama-server's defaults for all requests, as fields of this one."""
            name = path.split("?")[0].rstrip("/").rpartition("/")[2]
            if not isinstance(data, dict) or name not in ("completion", "completions", "infill"):
                return data
            added = {}
            if not has_option("--seed") and "seed" not in data:
                added["seed"] = self.seed
            if not has_option("--max-tokens") and self.n_predict and not any(field in data for field in LIMITS):
                added["n_predict"] = self.n_predict
            return {**data, **added}

        def make_request(self, method, path, data=None, *more, **named):
            return super().make_request(method, path, self._with_defaults(path, data), *more, **named)

        def make_stream_request(self, method, path, data=None, *more, **named):
            return super().make_stream_request(method, path, self._with_defaults(path, data), *more, **named)

    return QuireProcess
