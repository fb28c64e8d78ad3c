/// The wire form of server-sent events.
package enum EventStream {
  /// A comment: readers skip it, proxies see that the connection lives.
  package static let ping = Array(": ping\n\n".utf8)

  /// Proxies must neither store nor hold back what is sent.
  package static let head = HTTPHead(
    status: 200,
    headers: [
      HTTPHeader("Content-Type", "text/event-stream; charset=utf-8"),
      HTTPHeader("Cache-Control", "no-cache"),
      HTTPHeader("X-Accel-Buffering", "no"),
    ])

  /// One event. `data` has no line breaks, as JSON on one line has none.
  package static func event(_ data: String) -> [UInt8] {
    Array("data: \(data)\n\n".utf8)
  }

  /// What ends an OpenAI stream.
  package static let done = event("[DONE]")
}
