"""Drives headless Chromium over the DevTools protocol, with nothing but Python's own library.

    with Browser() as browser:
        tab = browser.open("http://127.0.0.1:8080/")
        tab.click("#send")
        tab.wait("document.title === 'done'")

The protocol runs over a pair of pipes (`--remote-debugging-pipe`): JSON messages, each ended by a NUL byte.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAMS = ["chromium", "chromium-browser", "google-chrome"]
SWITCHES = [
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-extensions", "--disable-sync", "--mute-audio", "--disable-dev-shm-usage",
]

# Records violations of the page's policy, from the first script of every page.
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) =>
  violations.push(event.effectiveDirective + " " + event.blockedURI + " " + event.sample));
"""


class BrowserError(Exception):
    pass


class Browser:
    def __enter__(self):
        program = next((path for path in map(shutil.which, PROGRAMS) if path), None)
        if program is None:
            raise BrowserError("expected Chromium, found none of " + ", ".join(PROGRAMS) + "; install the package chromium")
        self.folder = tempfile.TemporaryDirectory(prefix="quire-browser-", ignore_cleanup_errors=True)
        to_read, self.to_write = os.pipe()
        self.to_read, from_write = os.pipe()
        switches = SWITCHES + ["--user-data-dir=" + self.folder.name]
        # Chromium's sandbox does not work for root; the page is trusted.
        if os.geteuid() == 0:
            switches.append("--no-sandbox")

        def connect():
            # The protocol's pipes are descriptors 3 and 4. Copies first, because either may be in the other's way.
            ends = os.dup(to_read), os.dup(from_write)
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [program, *switches, "about:blank"], preexec_fn=connect, close_fds=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(from_write)
        self.buffer, self.count, self.answers, self.tabs = b"", 0, {}, {}
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
        except (BrowserError, OSError):
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def open(self, url):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = self.tabs[session] = Tab(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.call(domain + ".enable")
        tab.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        tab.navigate(url)
        return tab

    def call(self, method, session=None, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.to_write, json.dumps(message).encode() + b"\0")
        number, deadline = self.count, time.monotonic() + 60
        while number not in self.answers:
            if time.monotonic() > deadline:
                raise BrowserError(f"expected an answer to {method} within a minute, found none")
            self.receive(1)
        answer = self.answers.pop(number)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def receive(self, seconds):
        """Reads the received messages, waiting at most `seconds` for the first."""
        if not select.select([self.to_read], [], [], seconds)[0]:
            return
        data = os.read(self.to_read, 1 << 20)
        if not data:
            raise BrowserError("expected a running browser, found that it had ended")
        *messages, self.buffer = (self.buffer + data).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.answers[message["id"]] = message
            elif message.get("sessionId") in self.tabs:
                self.tabs[message["sessionId"]].note(message["method"], message["params"])


class Tab:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.requests, self.complaints = [], []
        # Number of parts in which response bodies arrived.
        self.piece_count = 0

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def note(self, method, event):
        if method == "Network.requestWillBeSent":
            self.requests.append((event["request"]["url"], event["request"].get("postData")))
        elif method == "Network.dataReceived":
            self.piece_count += 1
        elif method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(value.get("value")) for value in event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            # A refused request is not an error of the page, which shows the refusal.
            if event["entry"]["source"] == "network":
                return
            self.complaints.append(event["entry"]["text"] + " " + event["entry"].get("url", ""))

    def navigate(self, url):
        self.call("Page.navigate", url=url)
        self.wait(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url[:12])})")

    def evaluate(self, expression):
        """The value of an expression; of a promise, when it is resolved."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def wait(self, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not self.evaluate(condition):
            if time.monotonic() > deadline:
                raise BrowserError(f"expected within {seconds} s: {condition}")
            self.browser.receive(0.03)

    def text(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def is_shown(self, selector):
        return self.evaluate(f"(n => n !== null && n.checkVisibility())(document.querySelector({json.dumps(selector)}))")

    def click(self, selector):
        """Clicks the center of the selected element, which must be visible and not covered."""
        middle = self.evaluate(
            f"(n => {{ n.scrollIntoView({{block: 'nearest'}}); const r = n.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })"
            f"(document.querySelector({json.dumps(selector)}))")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=middle[0], y=middle[1], button="left", clickCount=1)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def press(self, key, shift=False):
        codes = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), " ": (32, " ")}
        code, text = codes[key]
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code="Space" if key == " " else key,
                windowsVirtualKeyCode=code, modifiers=8 if shift else 0, text=text if kind == "keyDown" else "")

    def resize(self, width, height, scale=1, is_phone=False):
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=is_phone)

    def prefer(self, scheme, motion="no-preference"):
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": motion}])

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
