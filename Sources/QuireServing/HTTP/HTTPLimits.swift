/// Limits of an HTTP server.
package struct HTTPLimits: Sendable, Equatable {
  /// Larger request bodies are answered with 413.
  package var bodyBytes = 8 << 20
  /// All request bodies being received or answered together; beyond it requests get 503.
  package var allBodiesBytes = 256 << 20
  /// Request line and headers together; more is answered with 431.
  package var headerBytes = 32 << 10
  /// Open connections; a newcomer beyond them takes over from the one that has been idle longest, or else from one
  /// that its client has held up for `stalledSeconds`.
  package var connectionCount = 256
  /// From opening a connection to the end of its first request's headers.
  package var headerSeconds = 15.0
  /// From the end of the headers to the end of the body.
  package var bodySeconds = 60.0
  /// How long a client may take to send a body, or leave its answer unread, before its connection can be closed for
  /// a newcomer.
  package var stalledSeconds = 5.0
  /// From the end of an answer to the end of the next request's headers; also how long a client may refuse
  /// to read.
  package var idleSeconds = 75.0
  /// A stream that is silent for this long gets a comment, which keeps proxies from cutting it.
  package var pingSeconds = 15.0
  /// A client that lets this many bytes of its answer pile up is treated as gone.
  package var backlogBytes = 16 << 20

  package init() {}

  /// Up to this much of a body that is too large is read and dropped: a client that is cut off while it sends may
  /// lose the answer with the connection. Beyond it, that is its problem.
  var discardedBytes: Int { max(8 * bodyBytes, 64 << 20) }

  func tooLarge(_ count: Int, isWhole: Bool) -> Rejection {
    Rejection(
      status: 413,
      message:
        "expected a request body of at most \(bodyBytes) bytes, found \(isWhole ? "" : "at least ")\(count); "
        + "send a shorter one",
      code: "request_too_large")
  }
}
