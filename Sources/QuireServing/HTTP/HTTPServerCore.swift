import CMicrohttpd
import Dispatch
import Synchronization

/// What the library's callbacks work on. Each callback runs on the daemon's one thread.
final class HTTPServerCore: Sendable {
  let table: ConnectionTable
  /// Set once, when the server stops: from then on no connection is suspended.
  let isClosing = Atomic(false)
  /// Set once, when the daemon has ended.
  let isStopped = Atomic(false)
  private let limits: HTTPLimits
  private let refusal: HTTPServer.RefusalPage
  private let handler: HTTPServer.Handler
  private let budget: BodyBudget
  private let handlerQueue = DispatchQueue(label: "quire.http.handlers", attributes: .concurrent)

  init(limits: HTTPLimits, refusal: @escaping HTTPServer.RefusalPage, handler: @escaping HTTPServer.Handler) {
    self.limits = limits
    self.refusal = refusal
    self.handler = handler
    self.budget = BodyBudget(maximumBytes: limits.allBodiesBytes)
    self.table = ConnectionTable(
      deadlines: StageDeadlines(
        headerSeconds: limits.headerSeconds, bodySeconds: limits.bodySeconds, idleSeconds: limits.idleSeconds)
    )
  }

  /// Starts the daemon on a listening socket, which it owns from here on. `nil` when the library refuses.
  /// The caller keeps this object alive until it has stopped the daemon.
  func startDaemon(on descriptor: Int32) -> OpaquePointer? {
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
        if cmicrohttpd_is_opening(change) {
          let id = core.table.open(descriptor: cmicrohttpd_connection_fd(connection))
          // An id is never 0, so it survives the journey through a pointer.
          connectionState.pointee = UnsafeMutableRawPointer(bitPattern: id)
        } else {
          core.table.close(Int(bitPattern: connectionState.pointee))
        }
      })
    let daemonLimits = cmicrohttpd_limits(
      connection_count: UInt32(limits.connectionCount),
      inactive_seconds: UInt32(max(1, limits.idleSeconds.rounded(.up))),
      header_bytes: limits.headerBytes)
    return cmicrohttpd_start(descriptor, daemonLimits, callbacks)
  }

  // MARK: One request

  /// One call of the library about a request: which connection, and where it keeps our state.
  private struct RequestCall {
    let connection: ConnectionHandle
    let state: UnsafeMutablePointer<UnsafeMutableRawPointer?>

    var intake: RequestIntake? {
      state.pointee.map { Unmanaged<RequestIntake>.fromOpaque($0).takeUnretainedValue() }
    }
  }

  /// The library calls this once when the headers are complete, once for each part of the body, once when
  /// the request is complete, and again after each wake until a response is queued. `false` closes the
  /// connection.
  private func handle(
    _ call: RequestCall, path: UnsafePointer<CChar>, method: UnsafePointer<CChar>,
    bytes: UnsafePointer<CChar>?, byteCount: UnsafeMutablePointer<Int>
  ) -> Bool {
    if isClosing.load(ordering: .sequentiallyConsistent) { return false }
    guard let intake = call.intake else {
      return begin(call, path: String(cString: path), method: String(cString: method))
    }
    if byteCount.pointee > 0 {
      defer { byteCount.pointee = 0 }
      return intake.receive(UnsafeRawBufferPointer(start: bytes, count: byteCount.pointee))
    }
    if case .discard(let rejection) = intake.verdict {
      return call.connection.send(refusal(rejection))
    }
    if !intake.isHandedOver { handOver(intake) }
    switch intake.exchange.nextAnswerStep() {
    case .wait: return true
    case .send(let response): return call.connection.send(response)
    case .stream(let head): return call.connection.stream(head, from: intake.exchange)
    case .close: return false
    }
  }

  private func begin(_ call: RequestCall, path: String, method: String) -> Bool {
    let id = Int(bitPattern: cmicrohttpd_connection_context(call.connection.pointer))
    let exchange = HTTPExchange(connection: call.connection, backlogLimit: limits.backlogBytes)
    let head = HTTPRequest(method: method, path: path, headers: call.connection.requestHeaders())
    let intake = RequestIntake(
      connectionID: id, exchange: exchange, head: head, limits: BodyLimits(maximumBytes: limits.bodyBytes),
      budget: budget)
    call.state.pointee = Unmanaged.passRetained(intake).toOpaque()
    table.headersComplete(id, exchange: exchange)
    guard case .refuse(let rejection) = intake.verdict else { return true }
    return call.connection.send(refusal(rejection))
  }

  private func handOver(_ intake: RequestIntake) {
    intake.isHandedOver = true
    table.bodyComplete(intake.connectionID)
    let request = intake.takeRequest()
    let exchange = intake.exchange
    handlerQueue.async { [handler] in handler(request, exchange) }
  }

  /// The library is done with a request, for better or worse.
  private func complete(_ call: RequestCall, isWholeAnswerSent: Bool) {
    guard let state = call.state.pointee else { return }
    let intake = Unmanaged<RequestIntake>.fromOpaque(state).takeRetainedValue()
    call.state.pointee = nil
    table.exchangeComplete(intake.connectionID)
    intake.exchange.complete(isWholeAnswerSent: isWholeAnswerSent)
  }
}
