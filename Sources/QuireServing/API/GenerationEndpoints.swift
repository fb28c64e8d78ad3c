import QuireGeneration
import QuireText

/// POST /v1/chat/completions
enum ChatEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let fields = try request.readFields(ChatRequest.shape, exchange, service)
    try fields.checkModel(service)
    let chat = try ChatRequest(
      fields, defaults: service.options.samplingDefaults, thinking: service.options.thinking,
      vocabularySize: service.tokenizer.vocabularySize)
    try chat.start(exchange, service) { prompt in
      let text = chat.showsPrompt ? String(decoding: service.tokenizer.decode(prompt), as: UTF8.self) : nil
      return ChatReply(
        chat, identity: service.identity(prefix: "chatcmpl-"), prompt: prompt, promptText: text)
    }
  }
}

extension ChatRequest {
  /// Renders the prompt and starts its answers.
  ///
  /// - Parameter reply: Makes the reply, from the tokens of the prompt.
  func start(
    _ exchange: HTTPExchange, _ service: Service, reply: ([Int32]) -> any Reply
  ) throws(ServingError) {
    let format = try service.chatFormat(field: prompt.field)
    let constraint = try constraint?.applied(to: format)?.compiled(service.constraints)
    let tokens = try promptTokens(format, service)
    var choice = try GenerationRequest(
      prompt: tokens, generation, generator: service.generator, field: prompt.field)
    choice.chatFormat = format
    choice.splitsToolCalls = !prompt.tools.tools.isEmpty
    choice.toolTypes = ToolParameterTypes(prompt.tools.tools)
    choice.logprobCount = logprobCount
    choice.constraint = constraint
    choice.thinking = ThinkingLimit(
      budget: prompt.thinkingBudget, answerReserve: service.options.thinking.answerReserve,
      closing: service.closing)
    choice.apply(generation.tokens, service.tokenizer)
    try GenerationRun.start(
      choice.repeated(generation.choiceCount, scoresOnce: true), promptTokens: tokens.count,
      choicesPerPrompt: generation.choiceCount, generator: service.generator, exchange: exchange,
      reply: reply(tokens))
  }

  /// The prompt, cut where the request asks for it.
  func promptTokens(_ format: ChatFormat, _ service: Service) throws(ServingError) -> [Int32] {
    generation.truncated(try prompt.tokens(service.tokenizer, format, limit: service.textLimit), service)
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
    var prompts: [[Int32]] = []
    var echoes: [CompletionReply.Echo] = []
    var promptTokens = 0
    try service.textLimit.check(completion.prompts.reduce(0) { $0 + $1.textByteCount }, field: "prompt")
    for prompt in completion.prompts {
      let tokens = generation.truncated(prompt.tokens(service.tokenizer), service)
      promptTokens += tokens.count
      var choice = try GenerationRequest(
        prompt: tokens, generation, generator: service.generator, field: "prompt")
      choice.logprobCount = completion.logprobCount
      choice.constraint = constraint
      choice.apply(generation.tokens, service.tokenizer)
      // The engine accepts 0 tokens only with the prompt's log-probabilities, so they are requested even if unused.
      if completion.echoesPrompt && (completion.logprobCount != nil || choice.maximumTokens == 0) {
        choice.wantsPromptLogprobs = true
        choice.promptLogprobCount = max(
          completion.logprobCount ?? 0, generation.tokens.promptLogprobCount ?? 0)
      }
      // An echoed prompt is computed completely, with or without scores.
      if completion.echoesPrompt { choice.usesPrefixCache = false }
      choices += choice.repeated(generation.choiceCount)
      prompts += [[Int32]](repeating: tokens, count: generation.choiceCount)
      if completion.echoesPrompt {
        let echo = CompletionReply.Echo(text: prompt.text(service.tokenizer, tokens))
        echoes += [CompletionReply.Echo](repeating: echo, count: generation.choiceCount)
      }
    }
    let reply = CompletionReply(
      completion, identity: service.identity(prefix: "cmpl-"),
      promptTokens: promptTokens, prompts: prompts, limits: choices.map(\.maximumTokens), echoes: echoes)
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
    case .text(let text): tokenizer.encodeDocument(text)
    }
  }

  /// Bytes of text to tokenize.
  var textByteCount: Int {
    if case .text(let text) = self { text.utf8.count } else { 0 }
  }

  /// The text of the prompt, of which `kept` are the tokens that were not cut off.
  func text(_ tokenizer: Tokenizer, _ kept: [Int32]) -> String {
    if case .text(let text) = self, tokens(tokenizer).count == kept.count { return text }
    return String(decoding: tokenizer.decode(kept), as: UTF8.self)
  }
}

extension GenerationFields {
  /// The tokens of a prompt that are used.
  func truncated(_ prompt: [Int32], _ service: Service) -> [Int32] {
    guard let truncation = tokens.truncation else { return prompt }
    return truncation.applied(
      to: prompt, contextLength: service.generator.contextLength, maximumTokens: maximumTokens)
  }
}

extension GenerationRequest {
  /// `field` is the prompt's name in messages.
  init(
    prompt: [Int32], _ fields: GenerationFields, generator: any TextGenerator, field: String
  ) throws(ServingError) {
    let contextLength = generator.contextLength
    let needed = fields.maximumTokens == 0 ? 0 : 1
    guard prompt.count <= contextLength - needed else {
      throw .rejected(
        .promptTooLong(
          field: field,
          PromptOverflow(
            promptTokenCount: prompt.count, contextLength: contextLength, contextLimit: generator.contextLimit
          )))
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
    usesPrefixCache = fields.usesPrefixCache
    // Also for the log, which names the cached tokens of an answer that is cut off.
    reportsProgress = true
    let least = fields.tokens.minimumTokens
    guard least <= fields.maximumTokens ?? .max else {
      throw .rejected(
        .badField(
          "min_tokens",
          "min_tokens: expected at most the limit of the answer, which is \(fields.maximumTokens ?? 0), found \(least); "
            + "correct it or raise max_tokens"))
    }
    minimumTokens = min(least, maximumTokens)
  }

  /// The same request several times. Seeded copies get consecutive seeds; otherwise all answers would be equal.
  ///
  /// - Parameter scoresOnce: Whether only the first copy gives log-probabilities of the prompt.
  func repeated(_ count: Int, scoresOnce: Bool = false) -> [GenerationRequest] {
    (0..<count).map { index in
      var copy = self
      copy.sampling.seed = sampling.seed.map { $0 &+ UInt64(index) }
      if scoresOnce && index > 0 { copy.wantsPromptLogprobs = false }
      return copy
    }
  }
}
