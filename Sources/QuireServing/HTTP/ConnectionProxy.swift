#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Copies the bytes of one connection between the client's socket and the library's socket, and checks the requests.
/// Used only on the proxy thread.
final class ConnectionProxy {
  /// Limit of received bytes that the library has not read; above it nothing is read from the client.
  private static let requestBacklogBytes = 64 << 10
  /// Limit of answer bytes that the client has not read; above it nothing is read from the library.
  private static let answerBacklogBytes = 256 << 10
  /// How long input is still read after the connection has ended; if closed at once, the client could lose the answer.
  private static let lingerSeconds = 2.0

  let link: ClientLink
  private let client: Int32
  private let daemon: Int32
  private let limits: HTTPLimits
  private var checker: RequestChecker
  private var requests = ByteQueue()
  private var answers = ByteQueue()
  private var clientEnded = false
  private var daemonEnded = false
  private let openedAt: ContinuousClock.Instant
  private var bodyBeganAt: ContinuousClock.Instant?
  /// When the client last took bytes of an answer.
  private(set) var lastWrite: ContinuousClock.Instant
  /// Since when the last event of a stream waits here for the stream's end; `nil` if none does.
  private var heldSince: ContinuousClock.Instant?
  /// The library writes the end within microseconds, unless its thread has to wait for a core.
  private static let holdingLimit = Duration.milliseconds(500)
  private var lingersUntil: ContinuousClock.Instant?
  /// Whether both sockets are closed.
  private(set) var isOver = false
  /// When the client last sent something.
  private(set) var lastActivity: ContinuousClock.Instant

  /// Takes ownership of both descriptors, which must be non-blocking.
  init(client: Int32, daemon: Int32, link: ClientLink, limits: HTTPLimits, now: ContinuousClock.Instant) {
    self.client = client
    self.daemon = daemon
    self.link = link
    self.limits = limits
    checker = RequestChecker(limits: limits)
    openedAt = now
    lastActivity = now
    lastWrite = now
  }

  // MARK: Polling

  /// Appends the poll entries of the client's and the library's socket; a descriptor of -1 waits for nothing.
  func addQueries(to queries: inout [pollfd]) {
    let hearsClient = !clientEnded && (lingersUntil != nil || requests.count < Self.requestBacklogBytes)
    let hearsDaemon = !daemonEnded && answers.count < Self.answerBacklogBytes
    queries.append(
      Socket.query(
        client, reads: hearsClient, writes: !answers.isEmpty && heldSince == nil, hangup: !clientEnded))
    queries.append(
      Socket.query(daemon, reads: hearsDaemon, writes: !requests.isEmpty && !daemonEnded, hangup: false))
  }

  /// Moves all bytes that can be moved. The events are those that `poll` returned for both sockets.
  func proceed(clientEvents: Int16, daemonEvents: Int16, now: ContinuousClock.Instant) {
    if clientEvents != 0 { hearClient(now) }
    if !requests.isEmpty { sendRequests() }
    if daemonEvents != 0 { hearDaemon() }
    if !answers.isEmpty { sendAnswers(now) }
    guard daemonEnded, answers.isEmpty, !isOver else { return }
    if clientEnded {
      end()
    } else if lingersUntil == nil {
      shutdown(client, Int32(SHUT_WR))
      lingersUntil = now + .seconds(Self.lingerSeconds)
    }
  }

  private func hearClient(_ now: ContinuousClock.Instant) {
    let wasInsideBody = checker.isInsideBody
    let outcome = Socket.receive(client) { bytes in
      // After the connection has ended, further input is dropped.
      if lingersUntil == nil { checker.take(bytes, into: &requests.bytes) }
    }
    switch outcome {
    case .moved: lastActivity = now
    case .none: return
    case .ended:
      // Answers that are ready are still sent: the client may have closed only its sending half.
      clientEnded = true
      link.leave()
      if lingersUntil != nil { return end() }
    case .failed: return end()
    }
    if let refusal = checker.refusal { link.refuse(refusal) }
    if checker.isInsideBody && !wasInsideBody { bodyBeganAt = now }
    if clientEnded { finishRequests() }
  }

  private func sendRequests() {
    guard !isOver else { return }
    guard !daemonEnded else { return requests.removeAll() }
    if case .failed = Socket.send(&requests, to: daemon) { requests.removeAll() }
    if clientEnded { finishRequests() }
  }

  /// Closes the library's input once it has all bytes.
  private func finishRequests() {
    if requests.isEmpty && !daemonEnded && !isOver { shutdown(daemon, Int32(SHUT_WR)) }
  }

  private func hearDaemon() {
    guard !isOver, !daemonEnded, answers.count < Self.answerBacklogBytes else { return }
    switch Socket.receive(daemon, { answers.bytes.append(contentsOf: $0) }) {
    case .moved, .none: break
    case .ended, .failed: daemonEnded = true
    }
  }

  private func sendAnswers(_ now: ContinuousClock.Instant) {
    guard !isOver else { return }
    let begin = heldSince ?? now
    heldSince = awaitsStreamEnd && now < begin + Self.holdingLimit ? begin : nil
    guard heldSince == nil else { return }
    switch Socket.send(&answers, to: client) {
    case .moved: lastWrite = now
    case .none: break
    case .ended, .failed: end()
    }
  }

  /// Whether the end of a stream follows at once. The library writes it after the last event, and a client that knows the
  /// event may close the connection in between, which then looks as if it had left. So both go in one write.
  private var awaitsStreamEnd: Bool {
    !daemonEnded && answers.count < Self.answerBacklogBytes && link.isEndingStream
      && !answers.bytes.suffix(Self.streamEnd.count).elementsEqual(Self.streamEnd)
  }

  /// The last chunk of a chunked body (RFC 9112, section 7.1), after the line end of the one before.
  private static let streamEnd = Array("\r\n0\r\n\r\n".utf8)

  /// Closes both sockets; the library then sees its connection closed.
  func end() {
    guard !isOver else { return }
    isOver = true
    link.leave()
    close(client)
    close(daemon)
  }

  /// Ends the connection unless an answer is still being sent.
  func endOnceDelivered() {
    // Asked first: what the library writes before it has completed a request is then among what is heard.
    let isComplete = checker.completeCount == link.progress.completedCount
    while !daemonEnded, answers.count < Self.answerBacklogBytes {
      let count = answers.count
      hearDaemon()
      if answers.count == count { break }
    }
    if !answers.isEmpty { sendAnswers(.now) }
    if answers.isEmpty && (daemonEnded || isComplete) { end() }
  }

  // MARK: Clocks

  /// Whether there is no request, no pending answer and no unsent byte, so that closing loses no answer.
  var isIdle: Bool {
    !checker.isInsideBody && checker.refusal == nil && answers.isEmpty && requests.isEmpty
      && lingersUntil == nil && checker.completeCount == link.progress.completedCount
  }

  /// Takes what the library has written of an answer; returns whether there was anything.
  func fetchAnswer(_ now: ContinuousClock.Instant) -> Bool {
    guard answers.isEmpty else { return false }
    hearDaemon()
    guard !answers.isEmpty else { return false }
    sendAnswers(now)
    return true
  }

  /// Whether the client alone has kept the connection open for a while: by a body of which it sends little, or by an
  /// answer that it does not read.
  func isStalled(_ now: ContinuousClock.Instant) -> Bool {
    guard lingersUntil == nil, checker.refusal == nil else { return false }
    let begin = !answers.isEmpty ? lastWrite : checker.isInsideBody ? bodyBeganAt : nil
    return begin.map { $0 + .seconds(limits.stalledSeconds) < now } ?? false
  }

  /// Ends the connection when a deadline has passed, or when the client has ended its sending half within a request, which
  /// then can never be answered.
  func checkDeadlines(_ now: ContinuousClock.Instant) {
    if clientEnded, checker.isInsideRequest { endOnceDelivered() }
    if heldSince != nil { sendAnswers(now) }
    if let deadline, deadline < now { end() }
  }

  private var deadline: ContinuousClock.Instant? {
    if let lingersUntil { return lingersUntil }
    if !answers.isEmpty { return lastWrite + .seconds(limits.idleSeconds) }
    if checker.isInsideBody { return bodyBeganAt.map { $0 + .seconds(limits.bodySeconds) } }
    let progress = link.progress
    guard checker.refusal == nil, checker.completeCount == progress.completedCount else { return nil }
    return progress.lastCompletion.map { $0 + .seconds(limits.idleSeconds) }
      ?? openedAt + .seconds(limits.headerSeconds)
  }
}
