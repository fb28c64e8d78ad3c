import QuireGeneration
import QuireText

/// POST /v1/chat/completions
enum ChatEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let fields = try request.readFields(ChatRequest.shape, exchange)
    try fields.checkModel(service)
    let chat = try ChatRequest(
      fields, defaults: service.options.samplingDefaults, vocabularySize: service.tokenizer.vocabularySize)
    try chat.start(exchange, service) { promptTokens in
      ChatReply(
        chat, identity: ReplyIdentity(prefix: "chatcmpl-", model: service.options.modelName),
        promptTokens: promptTokens)
    }
  }
}

extension ChatRequest {
  /// Renders the prompt and starts its answers.
  ///
  /// - Parameter reply: Makes the reply, from the number of tokens in the prompt.
  func start(
    _ exchange: HTTPExchange, _ service: Service, reply: (Int) -> any Reply
  ) throws(ServingError) {
    let format = try service.chatFormat(field: prompt.field)
    let constraint = try constraint?.compiled(service.constraints)
    let tokens = try prompt.tokens(service.tokenizer, format, limit: service.textLimit)
    var choice = try GenerationRequest(
      prompt: tokens, generation, contextLength: service.generator.contextLength, field: prompt.field)
    choice.chatFormat = format
    choice.splitsToolCalls = !prompt.tools.tools.isEmpty
    choice.logprobCount = logprobCount
    choice.constraint = constraint
    try GenerationRun.start(
      choice.repeated(generation.choiceCount), promptTokens: tokens.count,
      choicesPerPrompt: generation.choiceCount, generator: service.generator, exchange: exchange,
      reply: reply(tokens.count))
  }
}

/// POST /v1/completions
enum CompletionEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let fields = try request.readFields(CompletionRequest.shape, exchange)
    try fields.checkModel(service)
    let completion = try CompletionRequest(
      fields, defaults: service.options.samplingDefaults, vocabularySize: service.tokenizer.vocabularySize,
      maximumChoices: service.options.maximumChoices)
    let generation = completion.generation
    let constraint = try completion.constraint?.compiled(service.constraints)
    var choices: [GenerationRequest] = []
    var echoes: [CompletionReply.Echo] = []
    var promptTokens = 0
    try service.textLimit.check(completion.prompts.reduce(0) { $0 + $1.textByteCount }, field: "prompt")
    for prompt in completion.prompts {
      let tokens = prompt.tokens(service.tokenizer)
      promptTokens += tokens.count
      var choice = try GenerationRequest(
        prompt: tokens, generation, contextLength: service.generator.contextLength, field: "prompt")
      choice.logprobCount = completion.logprobCount
      choice.constraint = constraint
      // The engine accepts 0 tokens only with the prompt's log-probabilities, so they are requested even if unused.
      choice.wantsPromptLogprobs =
        completion.echoesPrompt && (completion.logprobCount != nil || choice.maximumTokens == 0)
      // An echoed prompt is computed completely, with or without scores.
      choice.usesPrefixCache = !completion.echoesPrompt
      choices += choice.repeated(generation.choiceCount)
      if completion.echoesPrompt {
        let echo = CompletionReply.Echo(text: prompt.text(service.tokenizer))
        echoes += [CompletionReply.Echo](repeating: echo, count: generation.choiceCount)
      }
    }
    let reply = CompletionReply(
      completion, identity: ReplyIdentity(prefix: "cmpl-", model: service.options.modelName),
      promptTokens: promptTokens, choiceCount: choices.count, echoes: echoes)
    try GenerationRun.start(
      choices, promptTokens: promptTokens, choicesPerPrompt: generation.choiceCount,
      generator: service.generator, exchange: exchange, reply: reply)
  }
}

extension CompletionRequest.Prompt {
  /// A raw prompt is the caller's own template, so added tokens in its text count as such.
  func tokens(_ tokenizer: Tokenizer) -> [Int32] {
    switch self {
    case .tokens(let ids): ids
    case .text(let text): tokenizer.encode(text, addedTokens: .recognized)
    }
  }

  /// Bytes of text to tokenize.
  var textByteCount: Int {
    if case .text(let text) = self { text.utf8.count } else { 0 }
  }

  func text(_ tokenizer: Tokenizer) -> String {
    switch self {
    case .text(let text): text
    case .tokens(let ids): String(decoding: tokenizer.decode(ids), as: UTF8.self)
    }
  }
}

extension GenerationRequest {
  /// `field` is the prompt's name in messages.
  init(
    prompt: [Int32], _ fields: GenerationFields, contextLength: Int, field: String
  ) throws(ServingError) {
    let needed = fields.maximumTokens == 0 ? 0 : 1
    guard prompt.count <= contextLength - needed else {
      let error = GenerationError.promptTooLong(promptTokenCount: prompt.count, contextLength: contextLength)
      throw .rejected(.badField(field, error.description, code: "context_length_exceeded"))
    }
    guard !prompt.isEmpty else {
      throw .rejected(.badField(field, "\(field): expected at least one token, found none; send some text"))
    }
    let available = contextLength - prompt.count
    self.init(
      promptTokens: prompt, sampling: fields.sampling,
      maximumTokens: min(fields.maximumTokens ?? available, available),
      stopStrings: fields.stopStrings, stopTokenIDs: fields.stopTokenIDs,
      ignoresEndOfSequence: fields.ignoresEndOfSequence)
    secondsMaximum = fields.secondsMaximum
  }

  /// The same request several times. Seeded copies get consecutive seeds; otherwise all answers would be equal.
  func repeated(_ count: Int) -> [GenerationRequest] {
    (0..<count).map { index in
      var copy = self
      copy.sampling.seed = sampling.seed.map { $0 &+ UInt64(index) }
      return copy
    }
  }
}
