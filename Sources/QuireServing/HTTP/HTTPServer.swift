import CMicrohttpd
import Synchronization

/// An HTTP/1.1 server: handlers see complete requests and an exchange to answer on from any thread; clients that
/// leave are noticed at once; stopping is safe at any time.
///
///     client ◀──socket──▶ relay, checks requests ◀──pair──▶ libmicrohttpd ──▶ handler
///
/// libmicrohttpd does the HTTP; the relay before it keeps from it what it would get wrong (`RequestChecker`), knows
/// when a client leaves, to which the library is blind while an answer is awaited, and keeps the clocks.
///
///     let server = try HTTPServer(host: "127.0.0.1", port: 0, limits: HTTPLimits(), refusal: page) {
///       request, exchange in exchange.respond(HTTPResponse(status: 200))
///     }
///     defer { server.stop() }
///
/// Possible alternatives: an HTTP server of our own on the relay's thread (less code in sum, but HTTP is not what
/// this project is for); the library alone on the client's socket (it cannot be made strict enough at 0.9.75).
package final class HTTPServer: Sendable {
  /// Answers one request or sees to it that another thread does. Runs on the thread that serves all connections
  /// and must not block.
  package typealias Handler = @Sendable (HTTPRequest, HTTPExchange) -> Void
  /// Makes the page for a request that is refused before any handler sees it.
  package typealias RefusalPage = @Sendable (Rejection) -> HTTPResponse

  /// Hears of every request once it is over. Runs on the thread that serves all connections and must not block.
  package typealias Log = @Sendable (RequestRecord) -> Void

  /// The port it listens on.
  package let port: Int
  private let daemon: Mutex<DaemonHandle?>
  /// What the library's callbacks point to: alive until the daemon has stopped.
  private let core: HTTPServerCore
  private let relays: RelayLoop

  /// Listens and answers from here on. Throws when nothing can listen there, or the system refuses a thread.
  package init(
    host: String, port: Int, limits: HTTPLimits, refusal: @escaping RefusalPage,
    log: @escaping Log = { _ in }, handler: @escaping Handler
  ) throws(ServingError) {
    let socket = try ListeningSocket(host: host, port: port)
    self.port = socket.port
    let core = HTTPServerCore(limits: limits, refusal: refusal, log: log, handler: handler)
    self.core = core
    let daemon: DaemonHandle
    do {
      daemon = try core.startDaemon()
      self.daemon = Mutex(daemon)
      relays = try RelayLoop(
        limits: limits, adopt: { core.adopt($0, link: $1, daemon: daemon) }, tick: { core.ping(now: $0) })
    } catch {
      socket.close()
      throw error
    }
    do {
      try relays.start(listener: socket.descriptor)
    } catch {
      MHD_stop_daemon(daemon.pointer)
      throw error
    }
  }

  deinit {
    stop()
  }

  /// Requests that are complete and not yet fully answered.
  package var unansweredCount: Int { core.links.unansweredCount }

  /// Waits until every request received so far is answered, at most until `deadline`. Returns whether it is
  /// so. New requests keep coming in: the handler decides what becomes of them.
  package func waitUntilAnswered(deadline: ContinuousClock.Instant) -> Bool {
    waitUntil(deadline: deadline) { self.unansweredCount == 0 }
  }

  /// Cuts off what is not answered yet, closes every connection and stops listening. Returns when all that
  /// is done; a second call does nothing.
  package func stop() {
    // The library must not be stopped while a connection is suspended. So: let none be suspended any more,
    // wake those that are, and wait until the library has completed them.
    core.isClosing.store(true, ordering: .sequentiallyConsistent)
    completeAll()
    // The relays give the library no more connections, and pass on its last answers.
    relays.stop()
    // A request that was just being handed over.
    completeAll()
    daemon.withLock { daemon in
      if let pointer = daemon?.pointer { MHD_stop_daemon(pointer) }
      daemon = nil
    }
  }

  private func completeAll() {
    _ = waitUntil(deadline: .now + .seconds(10)) {
      for exchange in self.core.links.exchanges { exchange.leave() }
      return self.unansweredCount == 0
    }
  }

  private func waitUntil(deadline: ContinuousClock.Instant, _ condition: () -> Bool) -> Bool {
    while !condition() {
      if ContinuousClock.now >= deadline { return false }
      pauseThread(milliseconds: 5)
    }
    return true
  }
}

/// A running daemon of the library, whose functions may be called from any thread.
struct DaemonHandle: @unchecked Sendable {
  // Stopped once, by `HTTPServer`, after everybody else has ended.
  let pointer: OpaquePointer
}
