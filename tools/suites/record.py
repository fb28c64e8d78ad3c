"""A pytest plugin that writes one JSON line per test: outcome, failure, and the last request that was refused."""

import importlib
import json
import os
from urllib.parse import urlsplit

import pytest

FILE = open(os.environ["QUIRE_SUITES_RESULTS"], "a")
refused: dict | None = None
requests_sent = 0


def note(method: str, url: str, status: int, body: str) -> None:
    """Keeps the last answer with an error status, and forgets it after an answer without one."""
    global refused, requests_sent
    requests_sent += 1
    url = str(url)
    if status < 400:
        if "/health" not in url and "/models" not in url:
            refused = None
        return
    try:
        error = json.loads(body)
        error = error.get("error", error)
        fields = (error.get("param"), error.get("message")) if isinstance(error, dict) else (None, str(error))
    except ValueError:
        fields = (None, body)
    refused = {"method": method, "path": urlsplit(url).path, "status": status, "param": fields[0],
               "message": str(fields[1])[:300]}


def watch_requests() -> None:
    import requests

    original = requests.Session.send

    def send(self, request, **options):
        response = original(self, request, **options)
        note(request.method, request.url, response.status_code, response.text if response.status_code >= 400 else "")
        return response

    requests.Session.send = send


def watch_httpx(name: str) -> None:
    httpx = importlib.import_module(name)
    original, original_async = httpx.Client.send, httpx.AsyncClient.send

    def send(self, request, **options):
        response = original(self, request, **options)
        body = response.read().decode(errors="replace") if response.status_code >= 400 else ""
        note(request.method, request.url, response.status_code, body)
        return response

    async def send_async(self, request, **options):
        response = await original_async(self, request, **options)
        body = (await response.aread()).decode(errors="replace") if response.status_code >= 400 else ""
        note(request.method, request.url, response.status_code, body)
        return response

    httpx.Client.send, httpx.AsyncClient.send = send, send_async


def pytest_configure():
    # The clients of OpenAI and Anthropic use either version of httpx.
    for watch in (watch_requests, lambda: watch_httpx("httpx"), lambda: watch_httpx("httpx2")):
        try:
            watch()
        except ImportError:
            pass


def write(identifier: str, outcome: str, **more) -> None:
    FILE.write(json.dumps({"test": identifier, "outcome": outcome, **more}) + "\n")
    FILE.flush()


def pytest_runtest_setup():
    global refused, requests_sent
    refused, requests_sent = None, 0


def failing_line(failure) -> str:
    """The statement of the test that failed."""
    for entry in reversed(failure.traceback):
        if "/test_" in str(entry.path):
            try:
                return str(entry.statement).strip()
            except (SystemError, RecursionError, IndexError):  # of Python's parser, in deep recursions
                break
    return ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.excinfo is not None and not report.skipped:
        report.crash = (call.excinfo.typename, str(call.excinfo.value))
        report.line = failing_line(call.excinfo)
    return report


def pytest_runtest_logreport(report):
    if report.when == "call" and report.passed:
        return write(report.nodeid, "passed")
    if report.skipped and report.when in ("setup", "call"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
        return write(report.nodeid, "skipped", reason=str(reason))
    if report.failed and report.when in ("setup", "call"):
        kind, message = getattr(report, "crash", ("", str(report.longrepr)))
        write(report.nodeid, "failed", kind=kind, message=message[:2000], line=getattr(report, "line", ""),
              refused=refused, requests=requests_sent)


def pytest_collectreport(report):
    if report.failed:
        last = str(report.longrepr).strip().splitlines()[-1:] or [""]
        write(report.nodeid, "failed", kind="CollectError", message=last[0], line="", refused=None,
              requests=0)
    elif report.skipped:
        write(report.nodeid, "skipped", reason=str(report.longrepr[2]))
