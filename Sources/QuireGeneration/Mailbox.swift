import Dispatch
import QuireScheduling
import Synchronization

/// A queue through which any thread sends requests and cancellations to the engine's thread.
///
/// Whether a request is accepted is decided here, immediately; everything else waits for the engine's next step. An
/// idle engine sleeps until something arrives.
final class Mailbox: Sendable {
  struct Submission: Sendable {
    let id: RequestID
    let request: GenerationRequest
    let onEvent: @Sendable (GenerationEvent) -> Void
    let submittedAt: ContinuousClock.Instant
  }

  struct Mail: Sendable {
    var submissions: [Submission] = []
    var cancellations: [RequestID] = []
    /// Whether the engine must end now.
    var isClosed = false

    var isEmpty: Bool { submissions.isEmpty && cancellations.isEmpty && !isClosed }
  }

  private struct State {
    var gate: AdmissionGate
    var mail = Mail()
    var nextID: UInt64 = 1
    var refusedCount = 0
    var engineSleeps = false
    var hasEnded = false
    /// Finished requests whose last event is being delivered.
    var leavingCount = 0
    /// Threads that wait until the last request has finished, and until the engine's thread has ended.
    var idleWaiters: [DispatchSemaphore] = []
    var endWaiters: [DispatchSemaphore] = []

    var isIdle: Bool { gate.count == 0 && leavingCount == 0 }
  }

  private let state: Mutex<State>
  private let bell = DispatchSemaphore(value: 0)

  init(maximumRequests: Int) {
    state = Mutex(State(gate: AdmissionGate(maximumCount: maximumRequests)))
  }

  /// Requests accepted and not finished, and how many were refused because of the limit.
  var counts: (accepted: Int, refused: Int) {
    state.withLock { ($0.gate.count, $0.refusedCount) }
  }

  var isAccepting: Bool { state.withLock { $0.gate.isAccepting } }

  // MARK: Any thread

  /// Accepts a request. Throws `queueFull`, `draining` or `stopped`.
  func submit(
    _ request: GenerationRequest, onEvent: @escaping @Sendable (GenerationEvent) -> Void
  ) throws(GenerationError) -> RequestID {
    let now = ContinuousClock.now
    let (verdict, id, limit) = state.withLock { state in
      let verdict = state.gate.enter()
      let id = RequestID(value: state.nextID)
      if verdict == .accepted {
        state.nextID += 1
        state.mail.submissions.append(
          Submission(id: id, request: request, onEvent: onEvent, submittedAt: now))
        ring(&state)
      } else if verdict == .full {
        state.refusedCount += 1
      }
      return (verdict, id, state.gate.maximumCount)
    }
    switch verdict {
    case .accepted: return id
    case .full: throw .queueFull(limit: limit)
    case .draining: throw .draining
    case .closed: throw .stopped
    }
  }

  func cancel(_ id: RequestID) {
    state.withLock { state in
      state.mail.cancellations.append(id)
      ring(&state)
    }
  }

  /// Refuses new requests and waits until the accepted ones have finished; false when the deadline passes first.
  func drain(until deadline: DispatchTime) -> Bool {
    let waiter = state.withLock { state -> DispatchSemaphore? in
      state.gate.drain()
      guard !state.isIdle else { return nil }
      let waiter = DispatchSemaphore(value: 0)
      state.idleWaiters.append(waiter)
      return waiter
    }
    return waiter.map { $0.wait(timeout: deadline) == .success } ?? true
  }

  /// Refuses new requests and makes the engine cancel the accepted ones and end.
  func close() {
    state.withLock { state in
      state.gate.close()
      state.mail.isClosed = true
      ring(&state)
    }
  }

  func waitForEnd() {
    let waiter = state.withLock { state -> DispatchSemaphore? in
      guard !state.hasEnded else { return nil }
      let waiter = DispatchSemaphore(value: 0)
      state.endWaiters.append(waiter)
      return waiter
    }
    waiter?.wait()
  }

  private func ring(_ state: inout State) {
    guard state.engineSleeps else { return }
    state.engineSleeps = false
    bell.signal()
  }

  // MARK: The engine's thread

  /// Everything that has arrived; with `waits`, sleeps until something arrives.
  func collect(waits: Bool) -> Mail {
    while true {
      let mail = state.withLock { state -> Mail? in
        if state.mail.isEmpty && waits {
          state.engineSleeps = true
          return nil
        }
        defer { state.mail = Mail(isClosed: state.mail.isClosed) }
        return state.mail
      }
      if let mail { return mail }
      bell.wait()
    }
  }

  /// Removes the request from the count, then delivers its last event. So a caller that receives the event can submit
  /// another request, and `drain` also waits for the delivery of events.
  func leave(_ deliver: () -> Void) {
    state.withLock { state in
      state.gate.leave()
      state.leavingCount += 1
    }
    deliver()
    let waiters = state.withLock { state -> [DispatchSemaphore] in
      state.leavingCount -= 1
      guard state.isIdle, !state.gate.isAccepting else { return [] }
      defer { state.idleWaiters.removeAll() }
      return state.idleWaiters
    }
    for waiter in waiters { waiter.signal() }
  }

  /// Called when the engine's thread is about to end.
  func end() {
    let waiters = state.withLock { state -> [DispatchSemaphore] in
      state.hasEnded = true
      defer { state.endWaiters.removeAll() }
      return state.endWaiters
    }
    for waiter in waiters { waiter.signal() }
  }
}
