"""Reads what record.py wrote: counts by file, and failures grouped by cause.

A failed test that sent no request, although it could have started its server, is a test of the other project's own
Python code. It is counted as `internals`, not as failed.
"""

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Result:
    """One test. `cause` is empty unless it failed."""

    file: str
    test: str
    outcome: str
    cause: str = ""
    reason: str = ""


def read(path: Path) -> list[Result]:
    """The last outcome of each test."""
    results = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        file = record["test"].partition("::")[0].removeprefix("unit/").removeprefix("tests/")
        result = Result(file, record["test"].partition("::")[2] or "(collection)", record["outcome"])
        if record["outcome"] == "failed":
            result.cause, result.reason = cause(record), reason(record)
            if is_internal(record):
                result.outcome = "internals"
        elif record["outcome"] == "skipped":
            result.reason = record["reason"].removeprefix("Skipped: ")
        results[record["test"]] = result
    return list(results.values())


def is_internal(record: dict) -> bool:
    if record["kind"] in ("NotOffered", "RuntimeError", "TimeoutError"):
        return False
    return record["requests"] == 0 or record["kind"] == "Internals"


def first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def cause(record: dict) -> str:
    """A short name for why a test failed, equal for tests that fail for the same reason."""
    kind, message, refused = record["kind"], record["message"], record["refused"]
    if kind == "NotOffered":
        return message
    if refused:
        where = f"{refused['method']} {re.sub(r'/(resp|chatcmpl|msg)_[0-9a-zA-Z]+', '/ID', refused['path'])}"
        if refused["status"] in (404, 405) and refused["param"] is None:
            return f"missing endpoint: {where}"
        field = f" {refused['param']}" if refused["param"] else ""
        return f"refused ({refused['status']}) {where}{field}: {first_line(refused['message'])[:110]}"
    if "tool_call" in record["line"] and "None" in message:
        return "the model does not choose to call a tool"
    if "reasoning" in record["line"] and not refused:
        return "the model does not reason"
    if kind in ("KeyError", "AttributeError") and "NoneType" not in message:
        return f"missing field: {first_line(message)[:90]}"
    if kind in ("Failed", "TimeoutError", "ReadTimeout") and "imeout" in message:
        return "timeout"
    return f"answer differs: {(first_line(record['line']) or first_line(message))[:110]}"


def reason(record: dict) -> str:
    text = f"{record['kind']}: {first_line(record['message'])}"
    if refused := record["refused"]:
        text += f" — {refused['status']} {refused['method']} {refused['path']}: {refused['message']}"
    return text[:260]


def table(results: list[Result]) -> str:
    rows = defaultdict(lambda: defaultdict(int))
    for result in results:
        rows[result.file][result.outcome] += 1
        rows["all"][result.outcome] += 1
    width = max(map(len, rows))
    lines = [f"{'file':{width}}  passed  failed  skipped  internals"]
    total = rows.pop("all")
    for name, counts in [*sorted(rows.items()), ("all", total)]:
        lines.append(f"{name:{width}}  {counts['passed']:6}  {counts['failed']:6}  {counts['skipped']:7}"
                     f"  {counts['internals']:9}")
    return "\n".join(lines)


def failures(results: list[Result], tests_shown: int = 3) -> str:
    """Causes, the most frequent one first, each with some of its tests."""
    groups = defaultdict(list)
    for result in results:
        if result.outcome == "failed":
            groups[result.cause].append(result)
    lines = []
    for name, group in sorted(groups.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        lines.append(f"{len(group):4}  {name}")
        for result in group[:tests_shown]:
            lines.append(f"        {result.file}::{result.test}: {result.reason}"[:300])
    return "\n".join(lines)
