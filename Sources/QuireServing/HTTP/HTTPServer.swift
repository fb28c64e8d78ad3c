import CMicrohttpd
import Foundation
import Synchronization

/// Limits of an HTTP server.
package struct HTTPLimits: Sendable, Equatable {
  /// Larger request bodies are answered with 413.
  package var bodyBytes = 8 << 20
  /// All request bodies being received or answered together; beyond it requests get 503.
  package var allBodiesBytes = 256 << 20
  /// Request line and headers together; more is answered with 431.
  package var headerBytes = 32 << 10
  /// Open connections; more wait in the system's queue.
  package var connectionCount = 256
  /// From opening a connection to the end of its first request's headers.
  package var headerSeconds = 15.0
  /// From the end of the headers to the end of the body.
  package var bodySeconds = 60.0
  /// From the end of an answer to the end of the next request's headers; also how long a client may refuse
  /// to read.
  package var idleSeconds = 75.0
  /// A stream that is silent for this long gets a comment, which keeps proxies from cutting it.
  package var pingSeconds = 15.0
  /// A client that lets this many bytes of its answer pile up is treated as gone.
  package var backlogBytes = 16 << 20

  package init() {}
}

/// An HTTP/1.1 server on libmicrohttpd that makes that library's traps unreachable: handlers see complete
/// requests and an exchange to answer on from any thread; clients that leave are noticed within 100 ms;
/// stopping is safe at any time.
///
///     let server = try HTTPServer(host: "127.0.0.1", port: 0, limits: HTTPLimits(), refusal: page) {
///       request, exchange in exchange.respond(HTTPResponse(status: 200))
///     }
///     defer { server.stop() }
package final class HTTPServer: Sendable {
  /// Answers one request; runs on a pool of threads and should not block for long.
  package typealias Handler = @Sendable (HTTPRequest, HTTPExchange) -> Void
  /// Makes the page for a request that is refused before any handler sees it.
  package typealias RefusalPage = @Sendable (Rejection) -> HTTPResponse

  /// How often connections are looked at. Part of the promise above.
  private static let sweepMilliseconds = 50

  /// The port it listens on.
  package let port: Int
  private let daemon: Mutex<DaemonHandle?>
  /// What the library's callbacks point to: alive until the daemon has stopped.
  private let core: HTTPServerCore

  private struct DaemonHandle: @unchecked Sendable {
    // Used under the mutex that holds it.
    let pointer: OpaquePointer
  }

  /// Listens and answers from here on. Throws when nothing can listen there.
  package init(
    host: String, port: Int, limits: HTTPLimits, refusal: @escaping RefusalPage,
    handler: @escaping Handler
  ) throws(ServingError) {
    let socket = try ListeningSocket(host: host, port: port)
    self.port = socket.port
    self.core = HTTPServerCore(limits: limits, refusal: refusal, handler: handler)
    guard let daemon = core.startDaemon(on: socket.descriptor) else {
      throw .libraryFailed(
        sentence: "The HTTP library could not start its thread: raise the limits on open files and threads.")
    }
    self.daemon = Mutex(DaemonHandle(pointer: daemon))
    Self.startSweeper(core: core, limits: limits)
  }

  deinit {
    stop()
  }

  /// Requests that are complete and not yet fully answered.
  package var unansweredCount: Int { core.table.unansweredCount }

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
    let patience = ContinuousClock.now + .seconds(10)
    _ = waitUntil(deadline: patience) {
      for exchange in self.core.table.exchanges { exchange.leave() }
      return self.unansweredCount == 0
    }
    daemon.withLock { daemon in
      if let pointer = daemon?.pointer { MHD_stop_daemon(pointer) }
      daemon = nil
    }
    core.isStopped.store(true, ordering: .sequentiallyConsistent)
  }

  private func waitUntil(deadline: ContinuousClock.Instant, _ condition: () -> Bool) -> Bool {
    while !condition() {
      if ContinuousClock.now >= deadline { return false }
      pauseThread(milliseconds: 5)
    }
    return true
  }

  private static func startSweeper(core: HTTPServerCore, limits: HTTPLimits) {
    let thread = Thread {
      while !core.isStopped.load(ordering: .sequentiallyConsistent) {
        pauseThread(milliseconds: sweepMilliseconds)
        let now = ContinuousClock.now
        for exchange in core.table.sweep(now: now) { exchange.leave() }
        for exchange in core.table.exchanges {
          exchange.write(EventStream.ping, ifSilentSince: now - .seconds(limits.pingSeconds))
        }
      }
    }
    thread.name = "quire.sweeper"
    thread.start()
  }
}
