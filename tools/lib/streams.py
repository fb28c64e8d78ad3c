"""Clients that take streamed answers of a server and note when each token arrives."""

import http.client
import json
import random
import statistics
import threading
import time
import urllib.parse


class Server:
    """A running server with OpenAI's API and /tokenize."""

    def __init__(self, url, seed):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 80
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.letters = {}

    def post(self, path, body):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=3600)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"{path}: expected status 200, found {answer.status}: {answer.read(500)!r}")
        return connection, answer

    def json(self, path, body):
        connection, answer = self.post(path, body)
        value = json.loads(answer.read())
        connection.close()
        return value

    def words(self, count):
        """Random words, so that no two texts begin with the same tokens."""
        with self.lock:
            return " ".join("".join(self.random.choices("abcdefghij", k=4)) for _ in range(count))

    def text_of(self, tokens):
        """A text of at most `tokens` tokens, and about that many."""
        text = self.words(tokens)
        while True:
            count = self.json("/tokenize", {"prompt": text})["count"]
            if count <= tokens:
                return text
            text = text[: max(1, len(text) * tokens // count - 1)]

    def letter(self, text):
        """The id of a token whose text is one letter: with a bias for it, each token is sent at once."""
        if text not in self.letters:
            self.letters[text] = self.json("/tokenize", {"prompt": text})["tokens"][0]
        return self.letters[text]

    def stream(self, path, body, stop=None):
        """Arrival times of the answer's deltas in seconds after the request, and the usage."""
        bias = {str(self.letter("e")): 100}
        body = {"stream": True, "stream_options": {"include_usage": True}, "temperature": 0, "ignore_eos": True,
                "logit_bias": bias, **body}
        begin = time.monotonic()
        connection, answer = self.post(path, body)
        times, usage = [], {}
        for line in answer:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            usage = event.get("usage") or usage
            for choice in event["choices"]:
                delta = choice.get("delta", {})
                if choice.get("text") or delta.get("content") or delta.get("reasoning_content"):
                    times.append(time.monotonic() - begin)
            if stop is not None and stop.is_set():
                break
        connection.close()
        return times, usage


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(gaps):
    """How times between tokens are distributed."""
    if not gaps:
        return {}
    p50, p99 = statistics.median(gaps), percentile(gaps, 0.99)
    return {"p50_seconds": p50, "p99_seconds": p99, "ratio": p99 / p50, "max_seconds": max(gaps), "gaps": len(gaps)}


def clients(server, count, rounds, prompt_tokens, answer_tokens, fields={}):
    tokens, spans, lock = [], [], threading.Lock()
    texts = [[server.text_of(prompt_tokens) for _ in range(rounds)] for _ in range(count)]

    def run(own):
        for text in own:
            start = time.monotonic()
            times, usage = server.stream("/v1/completions", {"prompt": text, "max_tokens": answer_tokens, **fields})
            with lock:
                tokens.append(usage["completion_tokens"])
                spans.append([start + late for late in times])

    threads = [threading.Thread(target=run, args=(own,)) for own in texts]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = {"output_tokens_per_second": sum(tokens) / (time.monotonic() - begin)}
    if rounds == 1:
        first, last = max(times[0] for times in spans), min(times[-1] for times in spans)
        decoded = sum(first < moment <= last for times in spans for moment in times)
        row["while_all_decode"] = decoded / (last - first)
    row.update(spread([late - early for times in spans for early, late in zip(times, times[1:])]))
    return row
