import QuireGeneration
import QuireGrammar
package import QuireText
import Synchronization

/// The server of OpenAI's and Anthropic's APIs: listens, reads requests, passes them to the engine, sends answers.
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

  /// Gets a record of every finished request.
  private let log: LineLog?

  /// Throws when an option is out of range. The caller keeps ownership of the engine: the server neither drains nor
  /// stops it.
  package init(
    engine: any TextGenerator, tokenizer: Tokenizer, options: ServerOptions, log: LineLog? = nil
  ) throws(ServingError) {
    try options.check(tokenizer.chatFormat.format ?? .qwen3)
    self.options = options
    self.log = log
    self.service = Service(generator: engine, tokenizer: tokenizer, options: options)
  }

  /// Starts to listen and answer, once per server. Throws when the address cannot be listened on.
  package func start() throws(ServingError) {
    let service = service
    let log = log
    try log?.start()
    try service.work.start()
    let server = try HTTPServer(
      host: options.host, port: options.port, limits: options.http,
      refusal: { Router.refuse($0, of: $1, $2, service) },
      log: { record in
        let time = unixTime()
        for line in record.lines { log?.add { "\(UTCTime(secondsSince1970: time)) \(line)" } }
      },
      handler: { request, exchange in Router.handle(request, exchange, service) })
    http.withLock { http in
      precondition(http == nil, "a server starts once")
      http = server
    }
  }

  deinit { drainAndStop(patience: .zero) }

  /// The port it listens on. Only after `start`.
  package var port: Int {
    guard let server = http.withLock({ $0 }) else { preconditionFailure("the server has not started") }
    return server.port
  }

  /// The base URL of the API. Only after `start`.
  package var url: String { "http://\(IPAddress.inURL(options.host)):\(port)/v1" }

  /// The URL of the chat page, if there is one. Only after `start`. If the server listens on every network, this is its
  /// loopback address.
  package var pageURL: String? {
    guard options.showsPage else { return nil }
    let isEverywhere = ["0.0.0.0", "::", "*"].contains(options.host)
    return "http://\(isEverywhere ? "127.0.0.1" : IPAddress.inURL(options.host)):\(port)/"
  }

  /// Requests that are complete and not yet fully answered.
  package var unansweredCount: Int { http.withLock { $0?.unansweredCount ?? 0 } }

  /// Refuses new requests with 503, lets running ones finish for at most `patience`, cancels the rest and stops. Whole
  /// answers are delivered after that too, to clients that read them.
  /// Returns when this is done. Safe to call at any time and repeatedly.
  package func drainAndStop(patience: Duration = .seconds(30)) {
    service.beginDraining()
    if let server = http.withLock({ $0 }) {
      if !server.waitUntilAnswered(deadline: .now + patience) {
        // So each of them still gets an answer that says why.
        service.slots.cancelAll()
        server.waitUntilSettled(deadline: .now + .seconds(2))
      }
      server.stop()
    }
    service.work.stop()
    log?.stop()
  }
}

/// State shared by the endpoints.
final class Service: Sendable {
  /// The generator, whose requests it also lists.
  let slots: SlotBoard
  var generator: any TextGenerator { slots }
  let tokenizer: Tokenizer
  /// What chats need and the tokenizer does not have.
  private let missingChatTokens: [String]
  let options: ServerOptions
  let hosts: HostPolicy
  let origins: OriginPolicy
  let keys: APIKeys
  let textLimit: TextLimit
  /// Compiled constraints on answers, shared by all requests.
  let constraints: ConstraintCompiler
  /// What closes a thought that is too long.
  let closing: ThoughtClosing
  /// Threads for requests with a body.
  let work = RequestWork()
  let responses: ResponseStore
  /// `system_fingerprint` of every answer.
  let fingerprint: String
  /// Seconds since 1970 when the server was made.
  let created: Int
  private let draining = Atomic(false)

  init(generator: any TextGenerator, tokenizer: Tokenizer, options: ServerOptions) {
    slots = SlotBoard(generator)
    self.tokenizer = tokenizer
    missingChatTokens = tokenizer.missingChatTokens
    self.options = options
    fingerprint = SystemFingerprint.text(options)
    responses = ResponseStore(byteLimit: options.storedResponseBytes)
    constraints = ConstraintCompiler(tokenizer)
    closing = ThoughtClosing(
      tokenizer.chatFormat.format ?? .qwen3, sentence: options.thinking.closingSentence, tokenizer: tokenizer)
    let machine = MachineNames.current()
    hosts = HostPolicy(boundHost: options.host, machine: machine, allowed: options.allowedHosts)
    keys = APIKeys(options.apiKeys)
    origins = OriginPolicy(allowed: options.allowedOrigins, machine: machine)
    textLimit = TextLimit(contextLength: generator.contextLength)
    self.created = unixTime()
  }

  /// Whether new requests are refused.
  var isDraining: Bool { draining.load(ordering: .sequentiallyConsistent) }

  /// The chat format. For a model that cannot chat, because its template is unknown or the tokenizer lacks the tokens of
  /// chats, it throws a rejection that says what works instead.
  func chatFormat(field: String = "messages") throws(ServingError) -> ChatFormat {
    do throws(TextError) {
      let format = try tokenizer.chatFormat.required()
      guard missingChatTokens.isEmpty else { throw .chatTokens(missingChatTokens) }
      return format
    } catch {
      let isTemplate = missingChatTokens.isEmpty
      throw .rejected(
        .badField(
          field, error.description + ".", code: isTemplate ? "chat_format_unknown" : "chat_tokens_missing"))
    }
  }

  func beginDraining() {
    draining.store(true, ordering: .sequentiallyConsistent)
  }
}
