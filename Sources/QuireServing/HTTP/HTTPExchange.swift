import CMicrohttpd
import Synchronization

/// One request until it is answered. A handler gets it with the request and either responds once, or begins a
/// stream, writes to it and ends it. Every method may be called from any thread, never blocks, and does nothing when
/// the client is gone.
///
///     exchange.onClientGone { engine.cancel(id) }
///     exchange.beginStream(HTTPHead(status: 200))
///     exchange.write("data: 1\n\n".utf8)
///     exchange.endStream()
package final class HTTPExchange: Sendable {
  private struct Guarded {
    var flow: ExchangeFlow
    /// `nil` once the library has completed the request.
    var connection: ConnectionHandle?
    var onClientGone: (@Sendable () -> Void)?
    var lastWrite = ContinuousClock.now
    var additionalHeaders: [HTTPHeader]
    var record: RequestRecord
  }

  /// Names the request in the answer's `X-Request-Id` and in the log.
  package let id: String
  /// The request's path, as sent.
  package let path: String
  private let beganAt = ContinuousClock.now
  private let guarded: Mutex<Guarded>

  /// - Parameter request: its head.
  init(connection: ConnectionHandle, request: HTTPRequest, limits: HTTPLimits) {
    let id = RequestName.of(request)
    self.id = id
    path = request.path
    var record = RequestRecord(
      id: id, method: request.method, path: request.path, status: 0, isAnswered: false, tokens: .init(),
      seconds: 0)
    if limits.loggedBytes > 0, request.method == "POST" {
      record.body = LoggedBody(limit: limits.loggedBytes)
      record.answer = record.body
    }
    guarded = Mutex(
      Guarded(
        flow: ExchangeFlow(backlogLimit: limits.backlogBytes), connection: connection,
        additionalHeaders: [HTTPHeader("X-Request-Id", id)], record: record))
  }

  // MARK: For handlers

  /// Adds headers to the answer, whichever it will be. One that was added before stays as it is.
  package func addHeaders(_ headers: [HTTPHeader]) {
    guarded.withLock { state in
      let names = Set(state.additionalHeaders.map(\.name))
      state.additionalHeaders += headers.filter { !names.contains($0.name) }
    }
  }

  /// Sends a complete answer.
  package func respond(_ response: HTTPResponse) {
    answer { state in
      var response = response
      response.head = Self.complete(response.head, &state)
      state.record.answer?.append(response.body)
      return state.flow.respond(response)
    }
  }

  /// Sends status and headers; the body follows with `write`.
  package func beginStream(_ head: HTTPHead) {
    answer { $0.flow.beginStream(Self.complete(head, &$0)) }
  }

  private static func complete(_ head: HTTPHead, _ state: inout Guarded) -> HTTPHead {
    state.record.status = head.status
    return HTTPHead(status: head.status, headers: head.headers + state.additionalHeaders)
  }

  /// Adds to the token counts in the log line of the request.
  package func addTokens(prompt: Int = 0, cached: Int = 0, generated: Int = 0) {
    guarded.withLock { state in
      state.record.tokens.prompt += prompt
      state.record.tokens.cached += cached
      state.record.tokens.generated += generated
    }
  }

  /// Adds bytes to the stream. A client with too many unread bytes counts as gone from then on; whoever writes asks
  /// `isClientGone`.
  package func write(_ bytes: some Collection<UInt8>) {
    let bytes = Array(bytes)
    answer { state in
      state.lastWrite = .now
      state.record.answer?.append(bytes)
      return state.flow.write(bytes)
    }
  }

  /// Ends the stream after everything written so far and `bytes`, which go out together with its end.
  package func endStream(after bytes: some Collection<UInt8> = []) {
    let bytes = Array(bytes)
    answer { state in
      state.record.answer?.append(bytes)
      return state.flow.endStream(after: bytes)
    }
  }

  /// Whether the client has gone.
  package var isClientGone: Bool { guarded.withLock { $0.flow.isGone } }

  /// Whether an answer has begun.
  var isAnswered: Bool { guarded.withLock { $0.flow.isAnswered } }

  /// Whether the answer is whole, delivered or not, or the client gone.
  var isSettled: Bool { guarded.withLock { $0.flow.isSettled } }

  /// Whether the library has the whole stream, and only has to write its end.
  var isStreamRead: Bool { guarded.withLock { $0.flow.isRead } }

  /// Runs `action` once if the client leaves before it has the whole answer, at once if it already left.
  /// It runs on a thread of the server and must not block. No call that answers runs it, because whoever answers may hold
  /// a lock that the action takes, too.
  package func onClientGone(_ action: @escaping @Sendable () -> Void) {
    let isGone = guarded.withLock { state in
      if state.flow.isGone { return true }
      precondition(state.onClientGone == nil, "one action per exchange")
      // After the end the action can never run, and storing it would retain what it captures.
      if state.connection != nil { state.onClientGone = action }
      return false
    }
    if isGone { action() }
  }

  // MARK: For the server

  /// The client left, or the server drops it: nothing more is sent.
  func leave() {
    update { $0.flow.leave() }
  }

  /// Writes `bytes` if nothing was written to the stream since `instant`. Not on a thread that holds a handler's lock.
  func write(_ bytes: [UInt8], ifSilentSince instant: ContinuousClock.Instant) {
    update {
      guard $0.flow.isStreaming, $0.lastWrite < instant else { return false }
      $0.lastWrite = .now
      return $0.flow.write(bytes)
    }
  }

  /// On the daemon's thread, in its request callback. Suspends the connection when there is no answer yet.
  func nextAnswerStep() -> ExchangeFlow.AnswerStep {
    guarded.withLock { state in
      let step = state.flow.nextAnswerStep()
      if step == .wait { Self.suspend(state.connection) }
      return step
    }
  }

  /// On the daemon's thread, in its content reader. Suspends the connection when there are no bytes yet.
  func read(limit: Int) -> ExchangeFlow.ReadStep {
    guarded.withLock { state in
      let step = state.flow.read(limit: limit)
      if step == .wait { Self.suspend(state.connection) }
      return step
    }
  }

  /// On the daemon's thread: the whole body has arrived.
  func noteBody(_ body: [UInt8]) {
    guarded.withLock { $0.record.body?.append(body) }
  }

  /// On the daemon's thread: the answer to a request that no handler gets.
  func refusing(_ response: HTTPResponse, isRequest: Bool) -> HTTPResponse {
    guarded.withLock { state in
      if !isRequest {
        state.record.method = "-"
        state.record.body = nil
        state.record.answer = nil
        state.record.path = "-"
      }
      var response = response
      response.head = Self.complete(response.head, &state)
      return response
    }
  }

  /// On the daemon's thread: the library has completed the request, and the exchange must not use the connection any
  /// more. Returns the record of the request for the log.
  func complete(isWholeAnswerSent: Bool) -> RequestRecord {
    let (action, record) = guarded.withLock { state in
      state.connection = nil
      state.record.seconds = beganAt.duration(to: .now) / .seconds(1)
      state.record.isAnswered = isWholeAnswerSent
      defer { state.onClientGone = nil }
      if isWholeAnswerSent { return (nil as (@Sendable () -> Void)?, state.record) }
      _ = state.flow.leave()
      return (state.onClientGone, state.record)
    }
    action?()
    return record
  }

  // MARK: Performing events

  /// Applies an event of a handler. The wake happens inside the lock, so that it cannot come before the wait that it ends.
  private func answer(_ event: (inout Guarded) -> Bool) {
    guarded.withLock { Self.perform(&$0, event) }
  }

  /// Applies an event of the server; the action for a client that left runs outside the lock.
  private func update(_ event: (inout Guarded) -> Bool) {
    let action = guarded.withLock { state in
      Self.perform(&state, event)
      guard state.flow.isGone else { return nil as (@Sendable () -> Void)? }
      defer { state.onClientGone = nil }
      return state.onClientGone
    }
    action?()
  }

  private static func perform(_ state: inout Guarded, _ event: (inout Guarded) -> Bool) {
    let mustWake = event(&state)
    // A completed request must not be resumed.
    if mustWake, let connection = state.connection { MHD_resume_connection(connection.pointer) }
  }

  private static func suspend(_ connection: ConnectionHandle?) {
    guard let connection else { preconditionFailure("the library asked about a request it had completed") }
    MHD_suspend_connection(connection.pointer)
  }
}
