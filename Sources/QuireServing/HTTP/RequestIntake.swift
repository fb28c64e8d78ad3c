import Synchronization

/// Receives one request. Used only on the daemon's thread.
final class RequestIntake {
  let link: ClientLink
  let exchange: HTTPExchange
  /// Set when the body is read and dropped: the client receives this refusal after it has sent everything.
  private(set) var rejection: Rejection?
  /// Whether the request is complete and was passed to the handler.
  var isHandedOver = false
  /// Its body grows until the request is taken.
  private(set) var request: HTTPRequest
  private var receivedBytes = 0
  private var reservedBytes = 0
  private var answerBytes = 0
  private let limits: HTTPLimits
  private let budget: ByteBudget
  private let answerBudget: ByteBudget

  init(
    link: ClientLink, exchange: HTTPExchange, head: HTTPRequest, limits: HTTPLimits, budget: ByteBudget,
    answerBudget: ByteBudget
  ) {
    self.link = link
    self.exchange = exchange
    self.request = head
    self.limits = limits
    self.budget = budget
    self.answerBudget = answerBudget
    if let length = head.value(of: "Content-Length").flatMap({ Int($0) }), length > limits.bodyBytes {
      rejection = limits.tooLarge(length, isWhole: true)
    }
  }

  /// Receives the next bytes of the body. `RequestChecker` limits their number.
  func receive(_ bytes: UnsafeRawBufferPointer) {
    receivedBytes += bytes.count
    guard rejection == nil else { return }
    if receivedBytes > limits.bodyBytes {
      discard(limits.tooLarge(receivedBytes, isWhole: false))
    } else if !budget.reserve(bytes.count) {
      discard(limits.bodiesExhausted)
    } else {
      reservedBytes += bytes.count
      request.body.append(contentsOf: bytes)
    }
  }

  private func discard(_ rejection: Rejection) {
    self.rejection = rejection
    release()
  }

  /// Releases the memory of the body.
  private func release() {
    request.body = []
    budget.release(reservedBytes)
    reservedBytes = 0
  }

  deinit {
    release()
    answerBudget.release(answerBytes)
  }

  /// Reserves memory for a whole answer until the request is completed; `false` when there is not enough.
  func reserveAnswer(_ count: Int) -> Bool {
    guard count > HTTPLimits.smallAnswerBytes else { return true }
    guard answerBudget.reserve(count, isAllowedAlone: true) else { return false }
    answerBytes += count
    return true
  }

  /// Returns the request, once. Its body is no longer kept here, but counts against the budget until it is answered.
  func takeRequest() -> HTTPRequest {
    defer { request.body = [] }
    return request
  }
}

/// A memory limit of all requests together.
final class ByteBudget: Sendable {
  private let maximumBytes: Int
  private let usedBytes = Mutex(0)

  init(maximumBytes: Int) {
    self.maximumBytes = maximumBytes
  }

  /// Reserves `count` bytes; `false` when there is not enough left.
  ///
  /// - Parameter isAllowedAlone: Whether the limit does not hold for bytes beside which no others are reserved.
  func reserve(_ count: Int, isAllowedAlone: Bool = false) -> Bool {
    usedBytes.withLock { used in
      guard used + count <= maximumBytes || isAllowedAlone && used == 0 else { return false }
      used += count
      return true
    }
  }

  func release(_ count: Int) {
    usedBytes.withLock { $0 -= count }
  }
}
