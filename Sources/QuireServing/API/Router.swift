/// Brings each request to its endpoint and each refusal to its page.
enum Router {
  typealias Endpoint = @Sendable (HTTPRequest, HTTPExchange, Service) throws(ServingError) -> Void

  /// What answers a path, by method.
  private static let routes: [String: [String: Endpoint]] = [
    "/v1/chat/completions": ["POST": ChatEndpoint.handle],
    "/v1/completions": ["POST": CompletionEndpoint.handle],
    "/v1/models": ["GET": ModelEndpoints.list],
    "/tokenize": ["POST": TokenEndpoints.tokenize],
    "/detokenize": ["POST": TokenEndpoints.detokenize],
    "/tokenizer_info": ["GET": TokenEndpoints.describe],
    "/health": ["GET": HealthEndpoint.handle],
    "/metrics": ["GET": MetricsEndpoint.handle],
  ]

  static let modelPrefix = "/v1/models/"

  static func handle(_ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service) {
    do {
      try answer(request, exchange, service)
    } catch {
      guard case .rejected(let rejection) = error else {
        preconditionFailure("an endpoint failed in another way than by refusing: \(error)")
      }
      exchange.respond(.rejection(rejection))
    }
  }

  private static func answer(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    exchange.addHeaders(try service.origins.headers(for: request))
    let methods = try methods(for: request.path)
    let allowed = (methods.keys.sorted() + (methods["GET"] == nil ? [] : ["HEAD"]) + ["OPTIONS"]).joined(
      separator: ", ")
    if request.method == "OPTIONS" {
      return exchange.respond(HTTPResponse(status: 204, headers: [HTTPHeader("Allow", allowed)]))
    }
    guard let endpoint = methods[request.method == "HEAD" ? "GET" : request.method] else {
      throw .rejected(
        Rejection(
          status: 405,
          message: "\(request.path) takes \(allowed), but the method is \(shortened(request.method)).",
          code: "method_not_allowed", headers: [HTTPHeader("Allow", allowed)]))
    }
    if request.method == "POST" && service.isDraining {
      throw .rejected(
        .unavailable(
          "The server is shutting down and takes no new requests: send this one to another server.",
          code: "shutting_down", retryAfterSeconds: 5))
    }
    try endpoint(request, exchange, service)
  }

  private static func methods(for path: String) throws(ServingError) -> [String: Endpoint] {
    if let methods = routes[path] { return methods }
    if path.hasPrefix(modelPrefix) && path.utf8.count > modelPrefix.utf8.count {
      return ["GET": ModelEndpoints.describe]
    }
    throw .rejected(
      Rejection(
        status: 404,
        message: "There is nothing at \(shortened(path)): see /v1/chat/completions, /v1/completions "
          + "and /v1/models.", code: "not_found"))
  }

  private static func shortened(_ text: String) -> String { FieldReader.shortened(text) }
}
