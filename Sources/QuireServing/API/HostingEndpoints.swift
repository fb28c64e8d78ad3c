import QuireGeneration
import QuireJSON

/// POST /invocations: the one path that Amazon SageMaker sends requests to. The body says which kind of request it is.
enum InvocationEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let body = (try? JSONValue.parse(request.body))?.objectValue
    if body?["messages"] != nil { return try ChatEndpoint.handle(request, exchange, service) }
    if body?["prompt"] != nil { return try CompletionEndpoint.handle(request, exchange, service) }
    throw .rejected(
      .badField(
        nil,
        "request body: expected a JSON object with 'messages' or 'prompt', found neither; send a chat or a raw prompt"
      ))
  }
}

/// GET /load: how many requests run or wait, for balancing load. The name is vLLM's.
enum LoadEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let metrics = service.generator.metrics
    exchange.respond(
      .json(
        ["server_load": .int(metrics.runningCount + metrics.waitingCount)],
        headers: [HTTPHeader("Cache-Control", "no-store")]))
  }
}
