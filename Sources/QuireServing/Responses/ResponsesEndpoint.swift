import QuireText

/// POST /v1/responses: OpenAI's Responses API.
enum ResponsesEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let fields = try request.readFields(ResponsesRequest.shape, exchange)
    try fields.checkModel(service)
    let response = try ResponsesRequest(
      fields, defaults: service.options.samplingDefaults, thinking: service.options.thinking,
      vocabularySize: service.tokenizer.vocabularySize)
    try response.chat.start(exchange, service) { prompt in
      ResponsesReply(
        response, identity: ReplyIdentity(prefix: "resp_", model: service.options.modelName),
        promptTokens: prompt.count)
    }
  }
}
