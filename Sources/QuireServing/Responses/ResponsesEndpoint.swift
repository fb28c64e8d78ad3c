import QuireJSON
import QuireText

/// POST /v1/responses: OpenAI's Responses API.
enum ResponsesEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let response = try read(request, exchange, service)
    let store = response.isStored && service.responses.isEnabled ? service.responses : nil
    try response.chat.start(exchange, service) { prompt in
      ResponsesReply(
        response, identity: service.identity(prefix: "resp_"), promptTokens: prompt.count, store: store)
    }
  }

  /// POST /v1/responses/input_tokens: the number of tokens that the prompt would have.
  static func count(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let count = try read(request, exchange, service).chat.promptTokenCount(service)
    exchange.respond(.json(["object": "response.input_tokens", "input_tokens": .int(count)]))
  }

  private static func read(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) -> ResponsesRequest {
    let given = try request.readFields(ResponsesRequest.shape, exchange, service)
    try given.checkModel(service)
    let fields = try ItemReferences.resolved(given, service.responses)
    return try ResponsesRequest(
      fields, defaults: service.options.samplingDefaults, thinking: service.options.thinking,
      vocabularySize: service.tokenizer.vocabularySize, earlier: earlier(fields, service))
  }

  /// The items of the response that the request continues.
  private static func earlier(_ fields: FieldReader, _ service: Service) throws(ServingError) -> [JSONValue] {
    let name = "previous_response_id"
    guard let id = try fields.string(name) else { return [] }
    guard let items = service.responses.items(id) else {
      throw .rejected(
        .badField(
          name,
          "\(name): expected the id of a response that was stored since the server started and not dropped for newer "
            + "ones, found \(Found.text(id)); send the whole conversation as 'input'",
          code: "previous_response_not_found"))
    }
    return items
  }
}
