package import QuireText
import Synchronization

/// The OpenAI-compatible server: listens, reads requests, hands them to the engine, sends answers.
///
///     let server = try Server(engine: engine, tokenizer: tokenizer, options: options)
///     try server.start()
///     print("listening on port \(server.port)")
///     …
///     server.drainAndStop()
package final class Server: Sendable {
  private let options: ServerOptions
  private let service: Service
  private let http = Mutex<HTTPServer?>(nil)

  /// Throws when an option is out of range. The engine stays the caller's: the server neither drains nor
  /// stops it.
  package init(
    engine: any TextGenerator, tokenizer: Tokenizer, options: ServerOptions
  ) throws(ServingError) {
    try options.check()
    self.options = options
    self.service = Service(generator: engine, tokenizer: tokenizer, options: options)
  }

  /// Listens and answers from here on. Once per server. Throws when nothing can listen there.
  package func start() throws(ServingError) {
    let service = service
    let server = try HTTPServer(
      host: options.host, port: options.port, limits: options.http,
      refusal: { HTTPResponse.rejection($0) },
      handler: { request, exchange in Router.handle(request, exchange, service) })
    http.withLock { http in
      precondition(http == nil, "a server starts once")
      http = server
    }
  }

  /// The port it listens on. Only after `start`.
  package var port: Int {
    guard let server = http.withLock({ $0 }) else { preconditionFailure("the server has not started") }
    return server.port
  }

  /// Requests that are complete and not yet fully answered.
  package var unansweredCount: Int { http.withLock { $0?.unansweredCount ?? 0 } }

  /// Refuses new requests with 503, lets running ones finish for at most `patience`, cuts off what is left
  /// and stops. Returns when it is done; safe to call at any time, and again.
  package func drainAndStop(patience: Duration = .seconds(30)) {
    service.beginDraining()
    guard let server = http.withLock({ $0 }) else { return }
    _ = server.waitUntilAnswered(deadline: .now + patience)
    server.stop()
  }
}

/// What the endpoints share.
final class Service: Sendable {
  let generator: any TextGenerator
  let tokenizer: Tokenizer
  let options: ServerOptions
  let origins: OriginPolicy
  /// Seconds since 1970 when the server was made.
  let created: Int
  private let draining = Atomic(false)

  init(generator: any TextGenerator, tokenizer: Tokenizer, options: ServerOptions) {
    self.generator = generator
    self.tokenizer = tokenizer
    self.options = options
    self.origins = OriginPolicy(allowed: options.allowedOrigins)
    self.created = unixTime()
  }

  /// Whether new requests are refused.
  var isDraining: Bool { draining.load(ordering: .sequentiallyConsistent) }

  func beginDraining() {
    draining.store(true, ordering: .sequentiallyConsistent)
  }
}
