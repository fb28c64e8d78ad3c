/// The state machine of one request and its answer, without sockets, threads or locks: each event returns the action
/// to take, and `HTTPExchange` performs it.
///
///     receiving ─▶ handling ─▶ complete answer ─▶ over
///                         └──▶ stream ──────────▶ over
///
/// The daemon's thread asks for work (`nextAnswerStep`, `read`). When there is none, the answer is `wait`, and the
/// connection is suspended. The next event that provides work returns `true`: wake the thread. So each wait is
/// followed by exactly one wake.
package struct ExchangeFlow {
  /// What the daemon's thread does when it asks for the answer.
  package enum AnswerStep: Equatable {
    case wait
    case send(HTTPResponse)
    case stream(HTTPHead)
    case close
  }

  /// What the daemon's thread does when it asks for the next bytes of a stream.
  package enum ReadStep: Equatable {
    case wait
    case bytes([UInt8])
    case end
    case close
  }

  private enum Answer {
    case none
    case complete(HTTPResponse)
    /// Passed on whole; its bytes are not kept here.
    case sent
    case stream(HTTPHead)
  }

  /// A client with this many unread bytes of a stream is treated as gone.
  let backlogLimit: Int
  private var answer = Answer.none
  private var pending: [UInt8] = []
  private var pendingOffset = 0
  private var isEnded = false
  package private(set) var isWaiting = false
  package private(set) var isGone = false

  package init(backlogLimit: Int) {
    self.backlogLimit = backlogLimit
  }

  package var isAnswered: Bool {
    if case .none = answer { false } else { true }
  }

  /// Whether nobody has anything to add: the answer is whole, or the client is gone.
  package var isSettled: Bool {
    if isGone { return true }
    switch answer {
    case .none: return false
    case .complete, .sent: return true
    case .stream: return isEnded
    }
  }

  /// Whether the daemon's thread has read the last byte of a stream, of which only the end is left.
  package var isRead: Bool {
    if case .stream = answer { isEnded && !isGone && pendingOffset == pending.count } else { false }
  }

  /// Whether bytes of a stream may still be added.
  package var isStreaming: Bool {
    if case .stream = answer { !isEnded && !isGone } else { false }
  }

  // MARK: The daemon's side

  package mutating func nextAnswerStep() -> AnswerStep {
    if isGone { return .close }
    switch answer {
    case .none:
      isWaiting = true
      return .wait
    case .complete(let response):
      answer = .sent
      return .send(response)
    case .sent: return .close
    case .stream(let head): return .stream(head)
    }
  }

  /// At most `limit` bytes of the stream.
  package mutating func read(limit: Int) -> ReadStep {
    if isGone { return .close }
    let count = min(limit, pending.count - pendingOffset)
    guard count > 0 else {
      if isEnded { return .end }
      isWaiting = true
      return .wait
    }
    let bytes = Array(pending[pendingOffset..<pendingOffset + count])
    pendingOffset += count
    if pendingOffset == pending.count {
      pending.removeAll(keepingCapacity: true)
      pendingOffset = 0
    }
    return .bytes(bytes)
  }

  // MARK: The handler's side; `true` means: wake the daemon's thread

  package mutating func respond(_ response: HTTPResponse) -> Bool {
    precondition(!isAnswered, "a request is answered once")
    answer = .complete(response)
    return takeWait()
  }

  package mutating func beginStream(_ head: HTTPHead) -> Bool {
    precondition(!isAnswered, "a request is answered once")
    answer = .stream(head)
    return takeWait()
  }

  /// Ignored once the client is gone. A client whose backlog exceeds the limit counts as gone.
  package mutating func write(_ bytes: some Collection<UInt8>) -> Bool {
    if isGone { return false }
    precondition(isStreaming, "bytes belong between the beginning and the end of a stream")
    pending.append(contentsOf: bytes)
    if pending.count - pendingOffset > backlogLimit { isGone = true }
    return takeWait()
  }

  /// Adds the last bytes and ends the stream in one event, so that whoever has read those bytes knows that it has ended.
  package mutating func endStream(after bytes: some Collection<UInt8> = []) -> Bool {
    if isGone { return false }
    let wakes = write(bytes)
    if !isGone { isEnded = true }
    return takeWait() || wakes
  }

  // MARK: The client's side

  /// The client left, or the server drops it.
  package mutating func leave() -> Bool {
    isGone = true
    return takeWait()
  }

  private mutating func takeWait() -> Bool {
    defer { isWaiting = false }
    return isWaiting
  }
}
