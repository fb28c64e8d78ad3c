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
    let fields = try read(request, MessagesRequest.shape, exchange, service)
    let chat = try MessagesRequest.chat(
      fields, defaults: service.options.samplingDefaults, thinking: service.options.thinking,
      vocabularySize: service.tokenizer.vocabularySize)
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
    let fields = try read(request, MessagesPrompt.countShape, exchange, service)
    let prompt = try MessagesPrompt.read(fields, thinking: service.options.thinking)
    let tokens = try prompt.tokens(service.tokenizer, service.chatFormat(), limit: service.textLimit)
    exchange.respond(.json(["input_tokens": .int(tokens.count)]))
  }

  private static func read(
    _ request: HTTPRequest, _ shape: RequestShape, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) -> FieldReader {
    let fields = try request.readFields(shape, exchange, service)
    try fields.checkModel(service)
    return fields
  }
}
