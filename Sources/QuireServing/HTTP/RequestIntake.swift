import Synchronization

/// Takes in one request on the daemon's thread: decides from the headers whether the body is wanted, then
/// collects it. Only that thread touches it.
final class RequestIntake {
  /// What the headers decide.
  enum Verdict: Equatable {
    case collect
    /// Read the body without keeping it, so that the client gets to read the refusal, then answer.
    case discard(Rejection)
    /// Answer now and close the connection.
    case refuse(Rejection)
  }

  let connectionID: ConnectionTable.ID
  let exchange: HTTPExchange
  private(set) var verdict: Verdict
  /// Whether the request is complete and the handler has it.
  var isHandedOver = false
  private var request: HTTPRequest
  private var receivedBytes = 0
  private var reservedBytes = 0
  private let limits: BodyLimits
  private let budget: BodyBudget

  init(
    connectionID: ConnectionTable.ID, exchange: HTTPExchange, head: HTTPRequest, limits: BodyLimits,
    budget: BodyBudget
  ) {
    self.connectionID = connectionID
    self.exchange = exchange
    self.request = head
    self.limits = limits
    self.budget = budget
    self.verdict = limits.verdict(on: head)
  }

  /// Takes the next bytes of the body; `false` when there are so many that the connection must be closed.
  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    receivedBytes += bytes.count
    if receivedBytes > limits.maximumDiscardedBytes { return false }
    guard verdict == .collect else { return true }
    if receivedBytes > limits.maximumBytes {
      discard(limits.tooLarge(receivedBytes, isWhole: false))
    } else if !budget.reserve(bytes.count) {
      discard(budget.exhausted)
    } else {
      reservedBytes += bytes.count
      request.body.append(contentsOf: bytes)
    }
    return true
  }

  private func discard(_ rejection: Rejection) {
    verdict = .discard(rejection)
    release()
  }

  /// Gives up the memory of the body.
  private func release() {
    request.body = []
    budget.release(reservedBytes)
    reservedBytes = 0
  }

  deinit { release() }

  /// The request, once; its body is not kept here, but counts until the request is answered.
  func takeRequest() -> HTTPRequest {
    defer { request.body = [] }
    return request
  }
}

/// Which bodies are taken in.
struct BodyLimits: Sendable {
  /// Larger bodies are answered with 413.
  let maximumBytes: Int

  /// Up to this much of a body that is too large is read and thrown away: a client that is cut off while it
  /// sends may lose the answer with the connection. Beyond it, that is its problem.
  var maximumDiscardedBytes: Int { max(8 * maximumBytes, 64 << 20) }

  func verdict(on head: HTTPRequest) -> RequestIntake.Verdict {
    let lengths = head.values(of: "Content-Length")
    let encodings = head.values(of: "Transfer-Encoding")
    // Two opinions about where a body ends are how requests are smuggled past proxies.
    if lengths.count + encodings.count > 1 {
      return .refuse(
        Rejection(
          status: 400,
          message: "A request has one Content-Length or one Transfer-Encoding header, but this one has "
            + "\(lengths.count) and \(encodings.count): send one."))
    }
    if let encoding = encodings.first, encoding.lowercased() != "chunked" {
      return .refuse(
        Rejection(
          status: 501, message: "Transfer-Encoding may be chunked, but is '\(encoding)': send it unencoded."))
    }
    guard let length = lengths.first.flatMap({ Int($0) }), length > maximumBytes else { return .collect }
    let isAsking = head.value(of: "Expect")?.lowercased() == "100-continue"
    let rejection = tooLarge(length, isWhole: true)
    return isAsking || length > maximumDiscardedBytes ? .refuse(rejection) : .discard(rejection)
  }

  func tooLarge(_ count: Int, isWhole: Bool) -> Rejection {
    Rejection(
      status: 413,
      message:
        "The request body may have \(maximumBytes) bytes, but has \(isWhole ? "" : "at least ")\(count): "
        + "send a shorter one.",
      code: "request_too_large")
  }
}

/// The memory that all bodies together may take.
final class BodyBudget: Sendable {
  private let maximumBytes: Int
  private let usedBytes = Mutex(0)

  init(maximumBytes: Int) {
    self.maximumBytes = maximumBytes
  }

  /// Takes memory for `count` more bytes; `false` when there is not enough left.
  func reserve(_ count: Int) -> Bool {
    usedBytes.withLock { used in
      guard used + count <= maximumBytes else { return false }
      used += count
      return true
    }
  }

  func release(_ count: Int) {
    usedBytes.withLock { $0 -= count }
  }

  var exhausted: Rejection {
    .unavailable(
      "The \(maximumBytes) bytes for request bodies are in use by other requests: try again later.",
      code: "out_of_memory", retryAfterSeconds: 1)
  }
}
