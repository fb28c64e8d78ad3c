"""A server with scripted answers, so that the page gets answers that a real model rarely gives.

It passes the page on as another server sends it, headers included, and its description of the model. The last message
of a chat chooses the answer: `slow`, `cut`, `refused`, `locked`; every other text comes back as the answer, in pieces
that end anywhere. `too long` in any message is refused, and so is another model than the described one.
"""

import http.server
import json
import threading
import time
import urllib.request

KEY = "secret-key"


class ScriptedServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, page_url):
        super().__init__(("127.0.0.1", 0), Handler)
        with urllib.request.urlopen(page_url) as response:
            self.page, self.page_headers = response.read(), response.headers.items()
        with urllib.request.urlopen(page_url + "quire/model") as response:
            self.model = json.load(response)
        self.model["features"]["thinking_token_budget"] = True
        self.bodies, self.left_count = [], 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/":
            kept = [(name, value) for name, value in self.server.page_headers if name.lower() not in ("date", "connection")]
            self.answer(200, self.server.page, kept)
        elif self.path == "/quire/model":
            self.answer_json(200, self.server.model)
        else:
            self.answer_json(404, {"error": {"message": "expected another path"}})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        text = body["messages"][-1]["content"]
        if body.get("model", self.server.model["id"]) != self.server.model["id"]:
            return self.answer_json(404, {"error": {"message": "expected another model", "code": "model_not_found"}})
        if any(message["content"] == "too long" for message in body["messages"]):
            return self.answer_json(400, {"error": {"message": "expected at most 9 tokens, found 10"}})
        if text == "refused":
            return self.answer_json(503, {"error": {"message": "expected fewer requests; come again later"}})
        if text == "locked" and self.headers.get("Authorization") != "Bearer " + KEY:
            return self.answer_json(401, {"error": {"message": "expected an API key, found none"}})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            if text == "slow":
                self.stream_slowly()
            elif text == "cut":
                self.send(self.event(1, content="half an ans"))
            else:
                self.stream_text(text)
        except OSError:
            self.server.left_count += 1

    def stream_slowly(self):
        for count in range(1, 600):
            self.send(self.event(count, **{"reasoning_content" if count <= 5 else "content": f"word{count} "}))
            time.sleep(0.05)

    def stream_text(self, text):
        """Sends small parts, which end inside lines, events and characters."""
        data = ": a comment\r\n\r\n".encode()
        for at in range(0, len(text), 5):
            data += self.event(at + 1, content=text[at : at + 5])
        data += b"data: [DONE]\n\n"
        size = 7 if len(data) < 1 << 17 else 4093
        for at in range(0, len(data), size):
            self.send(data[at : at + size])

    def event(self, count, **delta):
        usage = {"completion_tokens": count, "completion_tokens_details": {"reasoning_tokens": min(count, 5)}}
        chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": usage}
        return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"

    def send(self, data):
        self.wfile.write(data)
        self.wfile.flush()

    def answer_json(self, status, value):
        self.answer(status, json.dumps(value).encode(), [("Content-Type", "application/json")])

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
