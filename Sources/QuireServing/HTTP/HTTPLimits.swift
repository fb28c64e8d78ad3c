/// Limits of an HTTP server.
package struct HTTPLimits: Sendable, Equatable {
  /// Larger request bodies are answered with 413.
  package var bodyBytes = 8 << 20
  /// Bytes of all request bodies that are being received or answered; beyond it requests get 503.
  package var allBodiesBytes = 256 << 20
  /// Bytes of all whole answers that clients have not read. Beyond it an answer of more than `smallAnswerBytes` is
  /// replaced by 503, unless it is the only one of them.
  package var allAnswersBytes = 512 << 20
  /// Request line and headers together; more is answered with 431.
  package var headerBytes = 32 << 10
  /// Open connections; beyond them a new connection replaces the one that has been idle longest, or else one that its
  /// client has stalled for `stalledSeconds`.
  package var connectionCount = 256
  /// From opening a connection to the end of its first request's headers.
  package var headerSeconds = 15.0
  /// From the end of the headers to the end of the body.
  package var bodySeconds = 60.0
  /// How long a client may take to send a body, or leave its answer unread, before a new connection may replace its
  /// connection.
  package var stalledSeconds = 5.0
  /// From the end of an answer to the end of the next request's headers; also how long a client may leave data
  /// unread.
  package var idleSeconds = 75.0
  /// After this long without output a stream gets a comment, which keeps proxies from closing it.
  package var pingSeconds = 15.0
  /// A client with this many unread bytes of its answer is treated as gone.
  package var backlogBytes = 16 << 20
  /// The bytes of each body of a POST request and of its answer that the log gets; 0 for none.
  package var loggedBytes = 0

  package init() {}

  /// Up to this many bytes of a body that is too large are read and dropped, because a client that is disconnected
  /// while it sends may not receive the answer. Larger bodies are cut off at once.
  var discardedBytes: Int { max(8 * bodyBytes, 64 << 20) }

  /// An answer of up to this many bytes is always sent.
  static let smallAnswerBytes = 64 << 10

  var bodiesExhausted: Rejection { exhausted(allBodiesBytes, "request bodies") }
  var answersExhausted: Rejection { exhausted(allAnswersBytes, "answers that clients have not read") }

  private func exhausted(_ count: Int, _ use: String) -> Rejection {
    .unavailable(
      "expected space in the \(count) bytes for \(use), found other requests using them; try again later",
      code: "out_of_memory", retryAfterSeconds: 1)
  }

  /// - Parameter count: a number, or the digits that announced it.
  func tooLarge(_ count: some CustomStringConvertible, isWhole: Bool) -> Rejection {
    Rejection(
      status: 413,
      message:
        "expected a request body of at most \(bodyBytes) bytes, found \(isWhole ? "" : "at least ")\(count); "
        + "send a shorter one",
      code: "request_too_large")
  }
}
