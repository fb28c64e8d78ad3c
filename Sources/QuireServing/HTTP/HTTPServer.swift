import CMicrohttpd
import Synchronization

/// An HTTP/1.1 server. Handlers get complete requests and an exchange that can be answered from any thread. A client
/// that leaves is noticed at once. Stopping is safe at any time.
///
///     client ◀──socket──▶ proxy, checks requests ◀──pair──▶ libmicrohttpd ──▶ handler
///
/// libmicrohttpd parses and writes HTTP. The proxy before it rejects requests that the library would misread
/// (`RequestChecker`), notices when a client leaves, which the library cannot do while an answer is pending, and
/// enforces the timeouts.
///
///     let server = try HTTPServer(host: "127.0.0.1", port: 0, limits: HTTPLimits(), refusal: page) {
///       request, exchange in exchange.respond(HTTPResponse(status: 200))
///     }
///     defer { server.stop() }
///
/// Possible alternatives: our own HTTP server on the proxy's thread (less code in total, but HTTP is not this
/// project's subject); only the library on the client's socket (version 0.9.75 cannot be made strict enough).
package final class HTTPServer: Sendable {
  /// Answers one request or passes it to another thread. Runs on the thread that serves all connections and must not
  /// block.
  package typealias Handler = @Sendable (HTTPRequest, HTTPExchange) -> Void
  /// Makes the response to a request that is refused before it reaches a handler; of the request it may have the head
  /// only, or the part of it that was read.
  package typealias RefusalPage = @Sendable (Rejection, HTTPRequest, HTTPExchange) -> HTTPResponse

  /// Called once for every finished request. Runs on the thread that serves all connections and must not block.
  package typealias Log = @Sendable (RequestRecord) -> Void

  /// The port it listens on.
  package let port: Int
  private let daemon: Mutex<DaemonHandle?>
  /// The library's callbacks point to it, so it lives until the daemon has stopped.
  private let core: HTTPServerCore
  private let proxies: ProxyLoop

  /// Starts to listen and answer. Throws when the address cannot be listened on or the system refuses a thread.
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
      proxies = try ProxyLoop(
        limits: limits, adopt: { core.adopt($0, link: $1, daemon: daemon) }, tick: { core.ping(now: $0) })
    } catch {
      socket.close()
      throw error
    }
    do {
      try proxies.start(listener: socket.descriptor)
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

  /// Waits until every request received so far is answered, at most until `deadline`. Returns whether all are. New
  /// requests still arrive: the handler decides how to answer them.
  package func waitUntilAnswered(deadline: ContinuousClock.Instant) -> Bool {
    waitUntil(deadline: deadline) { self.unansweredCount == 0 }
  }

  /// Waits until the answer to every request received so far is whole, though perhaps not delivered, at most until
  /// `deadline`.
  package func waitUntilSettled(deadline: ContinuousClock.Instant) {
    _ = waitUntil(deadline: deadline) { self.core.links.unsettledCount == 0 }
  }

  /// Drops requests without a whole answer, delivers the whole ones to clients that read them, closes every connection
  /// and stops listening. Returns when this is done; a second call does nothing.
  package func stop() {
    // The library must not be stopped while a connection is suspended. So prevent new suspensions and wake suspended
    // connections.
    core.isClosing.store(true, ordering: .sequentiallyConsistent)
    for exchange in core.links.exchanges where !exchange.isSettled { exchange.leave() }
    // The proxies give the library no more connections, forward its last answers and close all sockets.
    proxies.stop()
    // Without its sockets the library completes what is left, also a request that was being passed to its handler.
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
  // Unchecked: stopped once, by `HTTPServer`, after all other users have ended.
  let pointer: OpaquePointer
}
