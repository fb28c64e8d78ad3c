/// The wire form of server-sent events.
package enum EventStream {
  /// A comment: clients skip it, proxies see that the connection is alive.
  package static let ping = Array(": ping\n\n".utf8)

  /// Headers that keep proxies from caching or buffering the stream.
  package static let head = HTTPHead(
    status: 200,
    headers: [
      HTTPHeader("Content-Type", "text/event-stream; charset=utf-8"),
      HTTPHeader("Cache-Control", "no-cache"),
      HTTPHeader("X-Accel-Buffering", "no"),
    ])

  /// One event. `data` must have no line breaks; JSON on one line has none.
  package static func event(_ data: String) -> [UInt8] {
    Array("data: \(data)\n\n".utf8)
  }

  /// The last event of an OpenAI stream.
  package static let done = event("[DONE]")
}
