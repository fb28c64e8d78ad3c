import QuireJSON
import QuireText

/// POST /v1/messages and /v1/messages/count_tokens: Anthropic's Messages API.
enum MessagesEndpoint {
  /// Without `/v1`.
  static let path = "/messages"
  static let countPath = "/messages/count_tokens"

  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let chat = try read(request, exchange, service)
    try chat.start(exchange, service) { prompt in
      MessagesReply(
        chat, identity: service.identity(prefix: "msg_"),
        promptTokens: prompt.count)
    }
  }

  /// The number of tokens that the prompt of a request would have.
  static func count(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let chat = try read(request, exchange, service, needsLimit: false)
    exchange.respond(.json(["input_tokens": .int(try chat.promptTokenCount(service))]))
  }

  private static func read(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service, needsLimit: Bool = true
  ) throws(ServingError) -> ChatRequest {
    let fields = try request.readFields(MessagesRequest.shape, exchange, service)
    try fields.checkModel(service)
    return try MessagesRequest.chat(
      fields, defaults: service.options.samplingDefaults, thinking: service.options.thinking,
      vocabularySize: service.tokenizer.vocabularySize, needsLimit: needsLimit)
  }
}
