import QuireJSON
import QuireText

/// POST /v1/chat/completions/input_tokens: the number of tokens that the prompt of a chat would have.
enum ChatCountEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let fields = try request.readFields(ChatRequest.shape, exchange, service)
    try fields.checkModel(service)
    let prompt = try ChatPromptFields(fields, thinking: service.options.thinking)
    exchange.respond(.json(["input_tokens": .int(try prompt.tokenCount(service))]))
  }
}

extension ChatPromptFields {
  /// Tokens of the prompt.
  func tokenCount(_ service: Service) throws(ServingError) -> Int {
    try tokens(service.tokenizer, service.chatFormat(field: field), limit: service.textLimit).count
  }
}
