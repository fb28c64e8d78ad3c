#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Carries the bytes of one connection between the client's socket and the one that the library has, and has the
/// requests checked on the way. Only the relay thread touches it.
final class Relay {
  /// Received bytes that wait for the library; beyond it the client waits. Bytes.
  private static let requestBacklogBytes = 64 << 10
  /// Bytes of answers that wait for the client; beyond it the library waits.
  private static let answerBacklogBytes = 256 << 10
  /// How long a client may go on sending after the connection has ended: closed at once, it could lose the answer.
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
  private var lastWrite: ContinuousClock.Instant
  private var lingersUntil: ContinuousClock.Instant?
  /// Whether both sockets are closed.
  private(set) var isOver = false
  /// When the client sent something last.
  private(set) var lastActivity: ContinuousClock.Instant

  /// Takes over both descriptors, which do not block.
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

  /// Appends what to wait for on the client's socket and on the library's; a descriptor of -1 waits for nothing.
  func addQueries(to queries: inout [pollfd]) {
    let hearsClient = !clientEnded && (lingersUntil != nil || requests.count < Self.requestBacklogBytes)
    let hearsDaemon = !daemonEnded && answers.count < Self.answerBacklogBytes
    queries.append(
      Socket.query(client, reads: hearsClient, writes: !answers.isEmpty, hangup: !clientEnded))
    queries.append(
      Socket.query(daemon, reads: hearsDaemon, writes: !requests.isEmpty && !daemonEnded, hangup: false))
  }

  /// Moves what can be moved. `events` are what `poll` found on both sockets.
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
      // While the connection lingers, what still comes is dropped.
      if lingersUntil == nil { checker.take(bytes, into: &requests.bytes) }
    }
    switch outcome {
    case .moved: lastActivity = now
    case .none: return
    case .ended:
      // Answers that are there already still go out: the client may have closed its sending half only.
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

  /// Tells the library, once it has everything, that no more will come.
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
    switch Socket.send(&answers, to: client) {
    case .moved: lastWrite = now
    case .none: break
    case .ended, .failed: end()
    }
  }

  /// Closes both sockets: the library finds its own closed.
  func end() {
    guard !isOver else { return }
    isOver = true
    link.leave()
    close(client)
    close(daemon)
  }

  /// Ends the connection unless an answer is still under way.
  func endOnceDelivered() {
    while !daemonEnded, answers.count < Self.answerBacklogBytes {
      let count = answers.count
      hearDaemon()
      if answers.count == count { break }
    }
    if !answers.isEmpty { sendAnswers(.now) }
    if answers.isEmpty && (daemonEnded || checker.completeCount == link.progress.completedCount) { end() }
  }

  // MARK: Clocks

  /// Whether nothing is asked, answered or under way, so that closing costs nobody an answer.
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

  /// Ends the connection when its time is over.
  func checkDeadlines(_ now: ContinuousClock.Instant) {
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
