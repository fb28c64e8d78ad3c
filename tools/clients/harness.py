"""What the checks of a client share: the server's address, tools and schemas, and how a check is run and reported."""

import json
import os
import signal
import traceback
import warnings

warnings.filterwarnings("ignore")

ROOT = os.environ["QUIRE_URL"]
URL = ROOT + "/v1"
MODEL = os.environ["QUIRE_MODEL"]
TOKENIZER = os.environ["QUIRE_TOKENIZER"]
KEY = "none"
SECONDS = 60
CHECKS = []

QUESTION = [{"role": "user", "content": "What is the weather in Paris?"}]
# Small enough for a model that knows nothing: every value ends after a few tokens.
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Paris", "Rome"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather of a city.", "parameters": SCHEMA},
}
NAMED = {"type": "function", "function": {"name": "weather"}}


def check(function):
    CHECKS.append(function)
    return function


def follows(value: dict) -> None:
    """Asserts that a value is one that the schema allows."""
    assert set(value) == {"city", "days"}, f"members {sorted(value)}"
    assert value["city"] in ("Paris", "Rome") and 1 <= value["days"] <= 9, str(value)


def too_long(*_):
    raise TimeoutError(f"no answer within {SECONDS} s")


def reason_of(error: BaseException) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    if not text:
        [*_, last] = traceback.extract_tb(error.__traceback__)
        text = last.line or ""
    return f"{type(error).__name__}: {text}"[:300]


def run() -> None:
    """Runs every check of the file and prints one JSON line for each."""
    signal.signal(signal.SIGALRM, too_long)
    for function in CHECKS:
        signal.alarm(SECONDS)
        try:
            function()
            reason = None
        except BaseException as error:  # Every failure is reported, whatever it is.
            if isinstance(error, KeyboardInterrupt):
                raise
            reason = reason_of(error)
            if os.environ.get("QUIRE_TRACE"):
                traceback.print_exc()
        signal.alarm(0)
        print("RESULT " + json.dumps({"check": function.__name__, "reason": reason}), flush=True)
