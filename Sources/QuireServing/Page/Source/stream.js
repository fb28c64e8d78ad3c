// Requests to the server, and streams of server-sent events.

/// A failed request, with one sentence for the user. The server's sentences begin with a small letter.
class ServerError extends Error {
  /// - Parameter code: the kind of error, as in the server's answer; undefined where it has none.
  constructor(message, status, code) {
    super(message.charAt(0).toUpperCase() + message.slice(1) + (/[.!?]$/.test(message) ? "" : "."));
    this.status = status;
    this.code = code;
  }

  /// Whether the server refuses the contents of the request, so that the same request would be refused again.
  get isRefusal() { return [400, 413, 422].includes(this.status); }
}

/// Splits text that arrives in parts of any size into server-sent events.
class EventParser {
  constructor() {
    this.rest = "";
    this.data = [];
  }

  /// The data of all events that end in this part.
  push(piece) {
    this.rest += piece;
    const events = [];
    // A carriage return at the end may be the first half of a line end.
    const lineEnd = /\r\n|\n|\r(?!$)/g;
    let begin = 0;
    for (let match = lineEnd.exec(this.rest); match; match = lineEnd.exec(this.rest)) {
      this.readLine(this.rest.slice(begin, match.index), events);
      begin = lineEnd.lastIndex;
    }
    this.rest = this.rest.slice(begin);
    return events;
  }

  readLine(line, events) {
    if (line === "") {
      if (this.data.length) events.push(this.data.join("\n"));
      this.data = [];
    } else if (line.startsWith("data:")) {
      this.data.push(line.slice(line[5] === " " ? 6 : 5));
    }
  }
}

/// The headers of every request. The key is known only after the server has asked for one.
function requestHeaders() {
  const key = tabStore.read("key");
  return key ? { Authorization: "Bearer " + key } : {};
}

/// Sends a request; throws a `ServerError` for every status that is not a success.
async function send(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { ...options.headers, ...requestHeaders() } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server does not answer. Check that it is running, then try again.", 0);
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  const message = body?.error?.message;
  throw new ServerError(
    typeof message === "string" ? message : "The server answered with status " + response.status + ".",
    response.status, body?.error?.code);
}

/// The chunks of a streamed chat completion as they arrive.
async function* chatChunks(body, signal) {
  const response = await send("v1/chat/completions", {
    method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  for (;;) {
    const { value, done } = await reader.read().catch((error) => {
      if (error.name === "AbortError") throw error;
      return { done: true };
    });
    if (done) break;
    for (const data of parser.push(value)) {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ServerError(chunk.error.message, 200);
      yield chunk;
    }
  }
  throw new ServerError("The connection ended before the answer was complete. Try again.", 0);
}
