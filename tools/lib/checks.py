"""Parts of the programs that check something."""

import os
import socket
import sys


def say(line: str) -> None:
    print(line, flush=True)


def require(condition: bool, sentence: str) -> None:
    """Ends the program with the sentence unless the condition holds."""
    if not condition:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {sentence}")


def free_port() -> int:
    """A port of this machine that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
