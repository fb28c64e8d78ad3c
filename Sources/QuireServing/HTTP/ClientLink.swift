import Synchronization

/// State shared by the two threads that serve a connection: the proxy's, which has the client's socket, and the
/// daemon's, on which libmicrohttpd handles its requests.
final class ClientLink: Sendable {
  private struct Guarded {
    var exchange: HTTPExchange?
    /// Whether a request is complete and not yet answered.
    var isAnswering = false
    var isGone = false
    var refusal: RequestChecker.Refusal?
    var begunCount = 0
    var completedCount = 0
    var lastCompletion: ContinuousClock.Instant?
  }

  private let guarded = Mutex(Guarded())

  // MARK: The proxy

  /// Sets the answer to a request that the checker has replaced.
  func refuse(_ refusal: RequestChecker.Refusal) {
    guarded.withLock { $0.refusal = refusal }
  }

  /// The client left: cancels the work on its requests.
  func leave() {
    let exchange = guarded.withLock { state in
      state.isGone = true
      return state.exchange
    }
    exchange?.leave()
  }

  /// Whether the library is about to write the end of a stream, at once after its last bytes.
  var isEndingStream: Bool { exchange?.isStreamRead ?? false }

  /// How many requests the library has completed, and when it completed the last one.
  var progress: (completedCount: Int, lastCompletion: ContinuousClock.Instant?) {
    guarded.withLock { ($0.completedCount, $0.lastCompletion) }
  }

  // MARK: The daemon

  /// A request's headers have arrived. Returns the refusal if the request must be refused.
  func begin(_ exchange: HTTPExchange) -> Rejection? {
    guarded.withLock { state in
      state.exchange = exchange
      state.begunCount += 1
      return Self.currentRefusal(state)
    }
  }

  /// The current request is complete. Returns the refusal if the request must be refused.
  func receiveAll() -> Rejection? {
    guarded.withLock { state in
      state.isAnswering = true
      return Self.currentRefusal(state)
    }
  }

  /// The library has completed the request.
  func complete() {
    guarded.withLock { state in
      state.exchange = nil
      state.isAnswering = false
      state.completedCount += 1
      state.lastCompletion = .now
    }
  }

  var isGone: Bool { guarded.withLock { $0.isGone } }

  private static func currentRefusal(_ state: Guarded) -> Rejection? {
    guard let refusal = state.refusal, refusal.request == state.begunCount - 1 else { return nil }
    return refusal.rejection
  }

  // MARK: Queries from other threads

  var isAnswering: Bool { guarded.withLock { $0.isAnswering } }
  var exchange: HTTPExchange? { guarded.withLock { $0.exchange } }
}

/// Open connections by the file descriptor that the library has for each.
final class LinkTable: Sendable {
  private let links = Mutex<[Int32: ClientLink]>([:])

  subscript(descriptor: Int32) -> ClientLink? {
    get { links.withLock { $0[descriptor] } }
    set { links.withLock { $0[descriptor] = newValue } }
  }

  private var all: [ClientLink] { links.withLock { Array($0.values) } }

  /// Complete requests that wait for their answer.
  var unansweredCount: Int { all.count { $0.isAnswering } }

  /// Complete requests whose answer is not whole yet, so that somebody has to work on it.
  var unsettledCount: Int { all.count { $0.isAnswering && $0.exchange?.isSettled == false } }

  /// Every request that the library has not completed.
  var exchanges: [HTTPExchange] { all.compactMap(\.exchange) }
}
