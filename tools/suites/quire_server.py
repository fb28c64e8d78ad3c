"""Starts `quire serve` for a suite. Copied next to the suite's own modules."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

SETTINGS = json.loads(os.environ["QUIRE_SUITES"])  # program, models: {"demo": …, "noise": …}, options


class NotOffered(Exception):
    """A suite asks for something that the program has no option for."""


def has_option(name: str) -> bool:
    return name in SETTINGS["options"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def model_folder(base: str, sampling: dict) -> str:
    """A folder with the files of a model and other sampling defaults."""
    folder = tempfile.mkdtemp(prefix="model-", dir=SETTINGS["scratch"])
    for file in Path(base).iterdir():
        if file.name == "generation_config.json":
            found = json.loads(file.read_text())
            kept = {key: value for key, value in found.items() if key.endswith("_token_id")}
            Path(folder, file.name).write_text(json.dumps(kept | sampling))
        else:
            os.symlink(file, Path(folder, file.name))
    return folder


class QuireServer:
    """One process of `quire serve`, from `start` to `stop`."""

    def __init__(self, model: str, sampling: dict, options: list[str], port: int, log, headers: dict | None = None):
        self.port, self.headers = port, headers or {}
        self.folder = model_folder(SETTINGS["models"].get(model, model), sampling)
        command = [SETTINGS["program"], "serve", self.folder, "--port", str(port), "--threads", SETTINGS["threads"],
                   "--kv-memory", "64", "--drain-seconds", "1", *options]
        print("quire:", " ".join(command))
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log or subprocess.DEVNULL, stderr=log or subprocess.DEVNULL
        )

    def wait(self, seconds: float) -> None:
        """Returns when the server answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"quire serve ended with status {self.process.returncode}")
            try:
                request = urllib.request.Request(f"http://127.0.0.1:{self.port}/health", headers=self.headers)
                with urllib.request.urlopen(request, timeout=5):
                    return
            except OSError:
                time.sleep(0.02)
        raise TimeoutError(f"quire serve did not answer within {seconds} s")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
