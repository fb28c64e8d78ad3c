import QuireJSON
import QuireText

/// POST /v1/chat/completions/input_tokens: the number of tokens that the prompt of a chat would have.
enum ChatCountEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let fields = try request.readFields(ChatRequest.shape, exchange, service)
    try fields.checkModel(service)
    let chat = try ChatRequest(
      fields, defaults: service.options.samplingDefaults, thinking: service.options.thinking,
      vocabularySize: service.tokenizer.vocabularySize)
    exchange.respond(.json(["input_tokens": .int(try chat.promptTokenCount(service))]))
  }
}

extension ChatRequest {
  /// Tokens of the prompt, also if the context does not hold them. A request that would be refused for anything else is
  /// refused.
  func promptTokenCount(_ service: Service) throws(ServingError) -> Int {
    let format = try service.chatFormat(field: prompt.field)
    _ = try constraint?.applied(to: format)?.compiled(service.constraints)
    return try promptTokens(format, service).count
  }
}
