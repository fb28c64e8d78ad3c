import CMicrohttpd
import Synchronization

/// The state of the library's callbacks. All callbacks run on the daemon's single thread.
final class HTTPServerCore: Sendable {
  let links = LinkTable()
  /// Set once when the server stops; after that no connection is suspended.
  let isClosing = Atomic(false)
  private let limits: HTTPLimits
  private let refusal: HTTPServer.RefusalPage
  private let handler: HTTPServer.Handler
  private let log: HTTPServer.Log
  private let budget: ByteBudget
  private let answerBudget: ByteBudget

  /// Connections that the proxies have ended but the library has not.
  private static let spareConnectionCount = 64
  /// Bytes of the library's record of one request header or parameter, and bytes for all headers of the answer.
  private static let bytesPerHeader = 96
  private static let recordCountMax = RequestHead.headerCountMax + RequestLine.parameterCountMax
  private static let answerHeaderBytes = 16 << 10

  init(
    limits: HTTPLimits, refusal: @escaping HTTPServer.RefusalPage, log: @escaping HTTPServer.Log,
    handler: @escaping HTTPServer.Handler
  ) {
    self.limits = limits
    self.refusal = refusal
    self.handler = handler
    self.log = log
    budget = ByteBudget(maximumBytes: limits.allBodiesBytes)
    answerBudget = ByteBudget(maximumBytes: limits.allAnswersBytes)
  }

  /// Starts the daemon. Throws when the library refuses. The caller must keep this object alive until it has stopped
  /// the daemon.
  func startDaemon() throws(ServingError) -> DaemonHandle {
    let callbacks = cmicrohttpd_callbacks(
      context: Unmanaged.passUnretained(self).toOpaque(),
      handle_request: { context, connection, path, method, _, bytes, byteCount, state in
        guard let context, let connection, let path, let method, let byteCount, let state else {
          return cmicrohttpd_result(false)
        }
        let core = Unmanaged<HTTPServerCore>.fromOpaque(context).takeUnretainedValue()
        let call = RequestCall(connection: ConnectionHandle(pointer: connection), state: state)
        return cmicrohttpd_result(
          core.handle(call, path: path, method: method, bytes: bytes, byteCount: byteCount))
      },
      request_completed: { context, connection, state, reason in
        guard let context, let connection, let state else { return }
        let core = Unmanaged<HTTPServerCore>.fromOpaque(context).takeUnretainedValue()
        let call = RequestCall(connection: ConnectionHandle(pointer: connection), state: state)
        core.complete(call, isWholeAnswerSent: cmicrohttpd_is_whole_answer(reason))
      },
      connection_changed: { context, connection, connectionState, change in
        guard let context, let connection, let connectionState else { return }
        let core = Unmanaged<HTTPServerCore>.fromOpaque(context).takeUnretainedValue()
        let descriptor = cmicrohttpd_connection_fd(connection)
        if cmicrohttpd_is_opening(change) {
          connectionState.pointee = core.links[descriptor].map { Unmanaged.passRetained($0).toOpaque() }
        } else if let state = connectionState.pointee {
          // Runs before the library closes the socket: afterwards another connection may get the same descriptor.
          core.links[descriptor] = nil
          Unmanaged<ClientLink>.fromOpaque(state).release()
        }
      })
    let daemonLimits = cmicrohttpd_limits(
      connection_count: UInt32(clamping: limits.connectionCount + Self.spareConnectionCount),
      connection_bytes: 2 * limits.headerBytes + Self.recordCountMax * Self.bytesPerHeader
        + Self.answerHeaderBytes)
    guard let daemon = cmicrohttpd_start(daemonLimits, callbacks) else {
      throw .libraryFailed(
        sentence:
          "expected the HTTP library to start its thread, found that it could not; raise the limits on "
          + "threads, open files and memory")
    }
    return DaemonHandle(pointer: daemon)
  }

  /// Gives the daemon a connection; `false` when the library refuses it. Called on the proxies' thread.
  func adopt(_ descriptor: Int32, link: ClientLink, daemon: DaemonHandle) -> Bool {
    links[descriptor] = link
    if cmicrohttpd_add(daemon.pointer, descriptor) { return true }
    links[descriptor] = nil
    return false
  }

  /// Sends a comment on streams that had no output for a while.
  func ping(now: ContinuousClock.Instant) {
    for exchange in links.exchanges {
      exchange.write(EventStream.ping, ifSilentSince: now - .seconds(limits.pingSeconds))
    }
  }

  // MARK: One request

  /// One callback of the library about a request: its connection, and the pointer to our state.
  private struct RequestCall {
    let connection: ConnectionHandle
    let state: UnsafeMutablePointer<UnsafeMutableRawPointer?>

    var intake: RequestIntake? {
      state.pointee.map { Unmanaged<RequestIntake>.fromOpaque($0).takeUnretainedValue() }
    }
  }

  /// The library calls this when the headers are complete, for each part of the body, when the request is complete,
  /// and again after each wake until a response is queued. `false` closes the connection.
  private func handle(
    _ call: RequestCall, path: UnsafePointer<CChar>, method: UnsafePointer<CChar>,
    bytes: UnsafePointer<CChar>?, byteCount: UnsafeMutablePointer<Int>
  ) -> Bool {
    // A whole answer is still sent.
    if isClosing.load(ordering: .sequentiallyConsistent) {
      guard let intake = call.intake, intake.isHandedOver, intake.exchange.isSettled else { return false }
    }
    guard let intake = call.intake else {
      return begin(call, path: String(cString: path), method: String(cString: method))
    }
    if byteCount.pointee > 0 {
      defer { byteCount.pointee = 0 }
      intake.receive(UnsafeRawBufferPointer(start: bytes, count: byteCount.pointee))
      return true
    }
    if !intake.isHandedOver {
      if let rejection = intake.link.receiveAll() {
        return refuse(call, rejection, intake.request, intake.exchange, isRequest: true)
      }
      if let rejection = intake.rejection { return send(rejection, intake, call) }
      handOver(intake)
    }
    switch intake.exchange.nextAnswerStep() {
    case .wait: return true
    case .send(let response):
      guard intake.reserveAnswer(response.body.count) else {
        return send(limits.answersExhausted, intake, call)
      }
      return call.connection.send(response)
    case .stream(let head): return call.connection.stream(head, from: intake.exchange)
    case .close: return false
    }
  }

  private func begin(_ call: RequestCall, path: String, method: String) -> Bool {
    guard let link = call.connection.link else { return false }
    let head = HTTPRequest(
      method: method, path: path, query: call.connection.queryParameters(),
      headers: call.connection.requestHeaders())
    let exchange = HTTPExchange(connection: call.connection, request: head, limits: limits)
    let intake = RequestIntake(
      link: link, exchange: exchange, head: head, limits: limits, budget: budget, answerBudget: answerBudget)
    call.state.pointee = Unmanaged.passRetained(intake).toOpaque()
    guard let rejection = link.begin(exchange) else { return true }
    return refuse(call, rejection, head, exchange, isRequest: false)
  }

  /// Answers a request that the checker refused and closes the connection: the bytes after it cannot be parsed.
  private func refuse(
    _ call: RequestCall, _ rejection: Rejection, _ request: HTTPRequest, _ exchange: HTTPExchange,
    isRequest: Bool
  ) -> Bool {
    var response = exchange.refusing(refusal(rejection, request, exchange), isRequest: isRequest)
    response.head.headers.append(HTTPHeader("Connection", "close"))
    return call.connection.send(response)
  }

  /// Answers a whole request with a refusal; the connection continues.
  private func send(_ rejection: Rejection, _ intake: RequestIntake, _ call: RequestCall) -> Bool {
    let response = refusal(rejection, intake.request, intake.exchange)
    return call.connection.send(intake.exchange.refusing(response, isRequest: true))
  }

  private func handOver(_ intake: RequestIntake) {
    intake.isHandedOver = true
    let request = intake.takeRequest()
    intake.exchange.noteBody(request.body)
    handler(request, intake.exchange)
    // The client may have left before the exchange existed.
    if intake.link.isGone && !intake.exchange.isAnswered { intake.exchange.leave() }
  }

  /// The library has completed a request, successfully or not.
  private func complete(_ call: RequestCall, isWholeAnswerSent: Bool) {
    guard let state = call.state.pointee else { return }
    let intake = Unmanaged<RequestIntake>.fromOpaque(state).takeRetainedValue()
    call.state.pointee = nil
    intake.link.complete()
    log(intake.exchange.complete(isWholeAnswerSent: isWholeAnswerSent))
  }
}
