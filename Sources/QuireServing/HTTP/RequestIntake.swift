import Synchronization

/// Takes in one request on the daemon's thread. Only that thread touches it.
final class RequestIntake {
  let link: ClientLink
  let exchange: HTTPExchange
  /// Why the body is read without being kept: the client gets to read the refusal once it has sent everything.
  private(set) var rejection: Rejection?
  /// Whether the request is complete and the handler has it.
  var isHandedOver = false
  private var request: HTTPRequest
  private var receivedBytes = 0
  private var reservedBytes = 0
  private let limits: HTTPLimits
  private let budget: BodyBudget

  init(
    link: ClientLink, exchange: HTTPExchange, head: HTTPRequest, limits: HTTPLimits, budget: BodyBudget
  ) {
    self.link = link
    self.exchange = exchange
    self.request = head
    self.limits = limits
    self.budget = budget
    if let length = head.value(of: "Content-Length").flatMap({ Int($0) }), length > limits.bodyBytes {
      rejection = limits.tooLarge(length, isWhole: true)
    }
  }

  /// Takes the next bytes of the body. `RequestChecker` bounds their number.
  func receive(_ bytes: UnsafeRawBufferPointer) {
    receivedBytes += bytes.count
    guard rejection == nil else { return }
    if receivedBytes > limits.bodyBytes {
      discard(limits.tooLarge(receivedBytes, isWhole: false))
    } else if !budget.reserve(bytes.count) {
      discard(budget.exhausted)
    } else {
      reservedBytes += bytes.count
      request.body.append(contentsOf: bytes)
    }
  }

  private func discard(_ rejection: Rejection) {
    self.rejection = rejection
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
      "expected room in the \(maximumBytes) bytes for request bodies, found other requests using them; try again "
        + "later", code: "out_of_memory", retryAfterSeconds: 1)
  }
}
