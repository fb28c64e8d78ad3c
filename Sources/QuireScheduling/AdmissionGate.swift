/// Counts the requests that an engine has accepted and not finished, and decides whether to accept the next one.
///
///     var gate = AdmissionGate(maximumCount: 272)
///     gate.enter()      // .accepted
///     gate.drain()
///     gate.enter()      // .draining
///     gate.leave()      // the accepted one finished; gate.count == 0, nothing left to wait for
///
/// The engine keeps it with its mailbox, so that a request to a full queue is refused at once and not one step later.
package struct AdmissionGate: Sendable, Hashable {
  package enum Verdict: Sendable, Hashable {
    case accepted, full, draining, closed
  }

  private enum State: Sendable, Hashable {
    case open, draining, closed
  }

  /// Slots plus the length of the queue.
  package let maximumCount: Int
  /// Requests that are accepted and not finished.
  package private(set) var count = 0
  private var state = State.open

  package init(maximumCount: Int) {
    precondition(maximumCount >= 1)
    self.maximumCount = maximumCount
  }

  package var isAccepting: Bool { state == .open }
  package var isClosed: Bool { state == .closed }

  /// Accepts one request, or says why not.
  package mutating func enter() -> Verdict {
    switch state {
    case .closed: return .closed
    case .draining: return .draining
    case .open:
      guard count < maximumCount else { return .full }
      count += 1
      return .accepted
    }
  }

  package mutating func leave() {
    precondition(count > 0, "more requests left than entered")
    count -= 1
  }

  /// Refuses new requests from now on; accepted ones may finish.
  package mutating func drain() {
    if state == .open { state = .draining }
  }

  /// Refuses new requests from now on; accepted ones are about to be cancelled.
  package mutating func close() {
    state = .closed
  }
}
