/// Passes each request to its endpoint and turns each rejection into a response.
enum Router {
  typealias Endpoint = @Sendable (HTTPRequest, HTTPExchange, Service) throws(ServingError) -> Void

  /// How a path is answered.
  struct Route {
    /// The one method besides OPTIONS; GET implies HEAD.
    let method: String
    /// Whether the endpoint reads a body or parses what is stored, which can take long. It then runs on the work threads, so that health and
    /// metrics are always answered immediately.
    var isWork: Bool { method == "POST" || parsesStored }
    let endpoint: Endpoint
    /// What DELETE does, if the path has it.
    var deletion: Endpoint?
    /// Names of the query's parameters that it reads.
    var parameters: Set<String> = []
    /// Whether it parses a stored conversation.
    var parsesStored = false

    /// The value of `Allow`.
    var allowedMethods: String {
      (method == "GET" ? "GET, HEAD, " : "\(method), ") + (deletion == nil ? "" : "DELETE, ") + "OPTIONS"
    }

    func action(for method: String) -> Endpoint {
      method == "DELETE" ? deletion ?? endpoint : endpoint
    }

    func takes(_ method: String) -> Bool {
      method == self.method || method == "HEAD" && self.method == "GET"
        || method == "DELETE" && deletion != nil
    }
  }

  /// By path without `/v1`, which is optional before every path.
  private static let routes: [String: Route] = [
    "/chat/completions": Route(method: "POST", endpoint: ChatEndpoint.handle),
    "/chat/completions/input_tokens": Route(method: "POST", endpoint: ChatCountEndpoint.handle),
    "/responses/input_tokens": Route(method: "POST", endpoint: ResponsesEndpoint.count),
    "/invocations": Route(method: "POST", endpoint: InvocationEndpoint.handle),
    "/load": Route(method: "GET", endpoint: LoadEndpoint.handle),
    "/completions": Route(method: "POST", endpoint: CompletionEndpoint.handle),
    MessagesEndpoint.path: Route(method: "POST", endpoint: MessagesEndpoint.handle),
    MessagesEndpoint.countPath: Route(method: "POST", endpoint: MessagesEndpoint.count),
    "/responses": Route(method: "POST", endpoint: ResponsesEndpoint.handle),
    "/models": Route(method: "GET", endpoint: ModelEndpoints.list, parameters: ModelEndpoints.pageNames),
    "/tokenize": Route(method: "POST", endpoint: TokenEndpoints.tokenize),
    "/detokenize": Route(method: "POST", endpoint: TokenEndpoints.detokenize),
    "/tokenizer_info": Route(method: "GET", endpoint: TokenEndpoints.describe),
    "/health": Route(method: "GET", endpoint: HealthEndpoint.handle),
    "/ping": Route(method: "GET", endpoint: HealthEndpoint.handle),
    "/version": Route(method: "GET", endpoint: VersionEndpoint.handle),
    "/metrics": Route(method: "GET", endpoint: MetricsEndpoint.handle),
    "/quire/model": Route(method: "GET", endpoint: ModelFactsEndpoint.handle),
  ]

  static let modelPrefix = "/models/"

  /// Answers the request or passes it to a work thread. Called on the thread that serves all connections, so nothing
  /// here may take long.
  static func handle(_ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service) {
    refusing(exchange) { () throws(ServingError) in
      try addHeaders(of: request, to: exchange, service)
      if request.method == "OPTIONS" {
        // Browsers ask without a key. `*` asks about the server as a whole.
        let methods =
          request.path == "*" ? OriginPolicy.methods : try route(for: request.path, service).allowedMethods
        return exchange.respond(HTTPResponse(status: 200, headers: [HTTPHeader("Allow", methods)]))
      }
      try service.keys.check(request)
      let route = try route(for: request.path, service)
      try check(request, route, service)
      if route.method == "GET" {
        let ignored = IgnoredFields(query: QueryFields(request).unread(route.parameters))
        if let header = ignored.header { exchange.addHeaders([header]) }
      }
      guard route.isWork else {
        return try route.action(for: request.method)(request, exchange, service)
      }
      try service.work.add(byteCount: request.body.count) {
        guard !exchange.isClientGone else { return }
        refusing(exchange) { () throws(ServingError) in try route.endpoint(request, exchange, service) }
      }
    }
  }

  /// The answer to a request that the HTTP server refuses, perhaps before its head was complete. A page that may use the
  /// server can read it.
  static func refuse(
    _ rejection: Rejection, of request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) -> HTTPResponse {
    do {
      try addHeaders(of: request, to: exchange, service)
    } catch {
      // A page of another machine: its browser tells it nothing of the answer.
    }
    return ErrorFormat(path: exchange.path).response(rejection, requestID: exchange.id)
  }

  /// Adds the headers that every answer has. Throws for a web page or a host name that may not use the server.
  private static func addHeaders(
    of request: HTTPRequest, to exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    exchange.addHeaders(ErrorFormat(path: exchange.path).headers(requestID: exchange.id))
    try service.hosts.check(request)
    exchange.addHeaders(try service.origins.headers(for: request))
  }

  /// Answers with the rejection that `action` throws.
  private static func refusing(_ exchange: HTTPExchange, _ action: () throws(ServingError) -> Void) {
    do {
      try action()
    } catch {
      exchange.respond(ErrorFormat(path: exchange.path).response(error.rejection, requestID: exchange.id))
    }
  }

  private static func check(
    _ request: HTTPRequest, _ route: Route, _ service: Service
  ) throws(ServingError) {
    guard route.takes(request.method) else {
      throw .rejected(
        Rejection(
          status: 405,
          message:
            "expected one of the methods \(route.allowedMethods) for \(shortened(request.path)), found "
            + "\(shortened(request.method)); use one of them",
          code: "method_not_allowed", headers: [HTTPHeader("Allow", route.allowedMethods)]))
    }
    if route.isWork && service.isDraining {
      throw .rejected(
        .unavailable(
          "expected a server that takes requests, found one that is shutting down; send the request to another "
            + "one", code: "shutting_down", retryAfterSeconds: 5))
    }
  }

  private static func route(for path: String, _ service: Service) throws(ServingError) -> Route {
    if path == PageEndpoint.path && service.options.showsPage {
      return Route(method: "GET", endpoint: PageEndpoint.handle)
    }
    let plain = plainPath(path)
    if let route = routes[plain] ?? NativeRoutes.routes[plain] { return route }
    if plain.hasPrefix(modelPrefix) && plain.utf8.count > modelPrefix.utf8.count {
      return Route(method: "GET", endpoint: ModelEndpoints.describe)
    }
    if let route = StoredResponseEndpoint.route(plain) { return route }
    try NativeRoutes.checkMissing(plain)
    throw .rejected(
      Rejection(
        status: 404,
        message: "expected a path such as /v1/chat/completions, /v1/completions or /v1/models, found "
          + "\(shortened(path)); correct it", code: "not_found"))
  }

  /// The path without a leading `/v1` and without a trailing slash.
  static func plainPath(_ path: String) -> String {
    var plain = path[...]
    if plain.hasPrefix("/v1/") { plain = plain.dropFirst(3) }
    if plain.hasSuffix("/") { plain = plain.dropLast() }
    return String(plain)
  }

  private static func shortened(_ text: String) -> String { Found.plain(text) }
}
