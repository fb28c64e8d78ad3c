"""Clients of every kind for a server under load: `tools/soak` starts many of them."""

import collections
import http.client
import json
import random
import socket
import threading
import time

SCHEMA = {
    "type": "object",
    "properties": {"sum": {"type": "integer", "minimum": 0, "maximum": 9999}, "unit": {"enum": ["apples", "pears"]}},
    "required": ["sum", "unit"],
}
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {
    "type": "object", "properties": {"a": {"type": "integer", "maximum": 999}}, "required": ["a"]}}}]
BUSY = (429, 503)

# Greedy requests whose answers must stay the same under load.
PROBES = [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "What is 347+285?"}], "max_tokens": 48}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "What is 12+9?"}], "max_tokens": 32,
                              "enable_thinking": False}),
    ("/v1/completions", {"prompt": "7 times 8 is", "max_tokens": 24}),
    ("/v1/completions", {"prompt": "one two three " * 40, "max_tokens": 24, "logprobs": 2}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "What is 5+5?"}], "max_tokens": 96,
                              "enable_thinking": False, "response_format": {
                                  "type": "json_schema", "json_schema": {"name": "sum", "schema": SCHEMA}}}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "What is 60+6?"}], "max_tokens": 120,
                              "thinking_token_budget": 16}),
]
PROBES = [(path, {"temperature": 0, "seed": 1, **body}) for path, body in PROBES]


def choices_of(body):
    """The part of an answer that has no identifiers or times."""
    return json.dumps(json.loads(body)["choices"], sort_keys=True)


class Client(threading.Thread):
    """Sends one random request after the other until `end`, and checks each answer."""

    def __init__(self, address, seed, end, expected):
        super().__init__(daemon=True)
        self.address, self.random, self.end, self.expected = address, random.Random(seed), end, expected
        self.counts, self.failures, self.get_seconds_max = collections.Counter(), [], 0.0

    KINDS = {
        "chat": 6, "completion": 6, "probe": 6, "constrained": 3, "tool": 2, "responses": 2, "messages": 2, "native": 2,
        "many": 1, "leave": 3, "cancel_prompt": 2, "half": 1, "broken": 2, "refused": 4, "large": 1, "slow_reader": 1,
        "slow_sender": 1, "look": 6,
    }

    def run(self):
        names, weights = list(self.KINDS), list(self.KINDS.values())
        while time.monotonic() < self.end:
            name = self.random.choices(names, weights)[0]
            try:
                getattr(self, name)()
            except (OSError, ValueError, LookupError, http.client.HTTPException) as error:
                self.failures.append(f"{name}: {error!r}")
            self.counts[name] += 1

    # Transport

    def connect(self):
        return socket.create_connection(self.address, timeout=300)

    @staticmethod
    def head(path, length):
        return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {length}\r\nConnection: close\r\n\r\n").encode()

    def send(self, path, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = self.connect()
        connection.sendall(self.head(path, len(data)) + data)
        return connection

    def post(self, path, body, statuses=(200,)):
        """The status and the body of the answer."""
        with self.send(path, body) as connection:
            return self.expect(path, connection, statuses)

    def expect(self, what, connection, statuses):
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        text = answer.read()
        if answer.status not in statuses:
            self.failures.append(f"{what}: {answer.status} {text[-200:]!r}")
        return answer.status, text

    # Requests that have to be answered

    def settings(self):
        return {"max_tokens": self.random.randint(1, 24), "temperature": self.random.choice([0, 0.7, 1.3]),
                "stream": self.random.random() < 0.5}

    def words(self, most):
        return " ".join(self.random.choices(["one", "two", "7", "+", "is", "what"], k=self.random.randint(1, most)))

    def generate(self, path, body, last=b"data: [DONE]"):
        status, text = self.post(path, body, (200, *BUSY))
        if status == 200 and body.get("stream") and last not in text:
            self.failures.append(f"{path}: a stream without its end: {text[-200:]!r}")

    def chat(self):
        body = {"messages": [{"role": "user", "content": self.words(60)}], **self.settings()}
        body.update(self.random.choice([{}, {"enable_thinking": False}, {"thinking_token_budget": 5}]))
        self.generate("/v1/chat/completions", body)

    def completion(self):
        body = {"prompt": self.words(200), "logprobs": self.random.choice([None, 3]), **self.settings()}
        self.generate("/v1/completions", body)

    def constrained(self):
        field = self.random.choice([
            {"response_format": {"type": "json_object"}}, {"guided_regex": "[0-9]{1,4}(,[0-9]{3})*"},
            {"guided_choice": ["yes", "no"]}, {"structured_outputs": {"json": SCHEMA}},
            {"guided_json": {"enum": [self.random.randint(0, 99)]}}])
        self.generate("/v1/completions", {"prompt": self.words(20), **self.settings(), **field})

    def tool(self):
        body = {"messages": [{"role": "user", "content": self.words(20)}], "tools": TOOLS,
                "tool_choice": self.random.choice(["auto", "required"]), **self.settings()}
        self.generate("/v1/chat/completions", body)

    def responses(self):
        settings = self.settings()
        body = {"input": self.words(20), "max_output_tokens": settings.pop("max_tokens"), **settings}
        self.generate("/v1/responses", body, last=b"event: response.")

    def messages(self):
        body = {"messages": [{"role": "user", "content": self.words(20)}], **self.settings()}
        body["temperature"] = min(1, body["temperature"])
        self.generate("/v1/messages", body, last=b"event: message_stop")

    def native(self):
        settings = self.settings()
        body = {"prompt": self.words(20), "n_predict": settings.pop("max_tokens"), **settings}
        self.generate("/completion", body, last=b'"stop":true')

    def many(self):
        body = {"prompt": ["one", "two", "three", "four"], "n": 4, "max_tokens": 8}
        self.post("/v1/completions", body, (200, *BUSY))

    def probe(self):
        index = self.random.randrange(len(PROBES))
        status, text = self.post(*PROBES[index], (200, *BUSY))
        if status == 200 and choices_of(text) != self.expected[index]:
            self.failures.append(f"probe {index}: another answer than alone: {text[:400]!r}")

    def large(self):
        body = {"prompt": "word " * 100_000, "return_token_strs": self.random.random() < 0.3}
        self.post("/tokenize", body, (200, 503))

    def look(self):
        begin = time.monotonic()
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        connection.request("GET", self.random.choice(["/health", "/metrics", "/v1/models", "/tokenizer_info"]))
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            self.failures.append(f"look: {answer.status}")
        self.get_seconds_max = max(self.get_seconds_max, time.monotonic() - begin)

    # Clients that misbehave

    def leave(self):
        body = {"prompt": "once", "max_tokens": 200, "stream": True, "ignore_eos": True}
        with self.send("/v1/completions", body) as connection:
            time.sleep(self.random.random() * 0.2)
            if self.random.random() < 0.5:
                connection.recv(1024)

    def cancel_prompt(self):
        with self.send("/v1/completions", {"prompt": self.words(2) + " 1" * 600, "max_tokens": 4}):
            time.sleep(self.random.random() * 0.3)

    def half(self):
        with self.connect() as connection:
            connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Le")
            time.sleep(self.random.random() * 0.1)

    def slow_reader(self):
        body = {"prompt": "once", "max_tokens": 60, "stream": True, "ignore_eos": True}
        with self.send("/v1/completions", body) as connection:
            until = time.monotonic() + 4
            while time.monotonic() < until:
                connection.recv(16)
                time.sleep(0.1)

    def slow_sender(self):
        data = json.dumps({"prompt": "once", "max_tokens": 2}).encode()
        with self.connect() as connection:
            connection.sendall(self.head("/v1/completions", len(data)))
            for byte in data:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
            self.expect("slow_sender", connection, (200, *BUSY))

    def broken(self):
        line = self.random.choice(
            [b"Content-Length : 3", b"X: a\0b", b"Host: b", b"Content-Length: +3", b"Transfer-Encoding: x"])
        with self.connect() as connection:
            connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\n\r\n")
            self.expect("broken", connection, (400, 501))

    def refused(self):
        chat = {"messages": [{"role": "user", "content": "x"}]}
        path, body = self.random.choice([
            ("/v1/completions", b'{"prompt": "a"'), ("/v1/completions", b"\xff\xfe{}"),
            ("/v1/completions", b"[" * 100_000), ("/v1/completions", {"prompt": 5}),
            ("/v1/completions", {"prompt": "a", "temperature": -1}),
            ("/v1/completions", {"prompt": [1 << 40]}), ("/v1/completions", {"prompt": "1 " * 60_000}),
            ("/v1/completions", {"prompt": "a", "guided_regex": "(" * 3000}),
            ("/v1/completions", {"prompt": "a", "guided_grammar": 'root ::= root "a"'}),
            ("/v1/chat/completions", {**chat, "max_tokens": -3}),
            ("/v1/chat/completions", {**chat, "guided_json": {"$ref": "#/nowhere"}}),
            ("/v1/chat/completions", {**chat, "tool_choice": "required"}),
            ("/v1/chat/completions", {"messages": [{"role": "king", "content": "x"}]}),
        ])
        self.post(path, body, (400, 503))
