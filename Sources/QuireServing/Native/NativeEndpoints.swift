import QuireGeneration
import QuireJSON
import QuireText

/// Paths of llama-server's own interface.
enum NativeRoutes {
  static let routes: [String: Router.Route] = [
    "/completion": Router.Route(method: "POST", endpoint: NativeCompletionEndpoint.handle),
    "/apply-template": Router.Route(method: "POST", endpoint: TemplateEndpoint.handle),
    "/props": Router.Route(method: "GET", endpoint: PropertiesEndpoint.handle),
    "/slots": Router.Route(
      method: "GET", endpoint: SlotsEndpoint.handle, parameters: [SlotsEndpoint.failureName]),
  ]

  /// What this server does not do, by the paths that other servers have for it.
  private static let missing: [(paths: [String], feature: String)] = [
    (["/infill"], "filling in the middle of a text"), (["/embedding", "/embeddings"], "embeddings"),
    (["/rerank", "/reranking"], "reranking"), (["/lora-adapters"], "adapters (LoRA)"),
  ]
  private static let slotPrefix = "/slots/"

  /// Throws for a path of a feature that is missing.
  ///
  /// - Parameter path: without `/v1`
  static func checkMissing(_ path: String) throws(ServingError) {
    let known = missing.first { $0.paths.contains(path) }?.feature
    let slot = path.hasPrefix(slotPrefix) ? "saving, restoring and erasing slots" : nil
    guard let feature = known ?? slot ?? StoredResponseEndpoint.missingFeature(path) else { return }
    throw .rejected(
      Rejection(
        status: 501,
        message:
          "expected a path of this server, found \(Found.plain(path)) for \(feature), which it does not "
          + "support; use another server for that",
        kind: "not_supported_error", code: "not_supported",
        // Clients of OpenAI's library repeat requests that failed with a status above 499.
        headers: [HTTPHeader("x-should-retry", "false")]))
  }
}

/// POST /completion
enum NativeCompletionEndpoint {
  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let fields = try request.readFields(NativeCompletionRequest.shape, exchange)
    try fields.checkModel(service)
    let completion = try NativeCompletionRequest(
      fields, defaults: service.options.samplingDefaults, tokenizer: service.tokenizer,
      maximumChoices: service.options.maximumChoices)
    let constraint = try completion.constraint?.compiled(service.constraints)
    try service.textLimit.check(completion.prompts.reduce(0) { $0 + $1.textByteCount }, field: "prompt")
    let count = completion.generation.choiceCount
    var choices: [GenerationRequest] = []
    var answers: [NativeReply.Answer] = []
    var promptTokens = 0
    for prompt in completion.prompts {
      let tokens = completion.generation.truncated(prompt.tokens(service.tokenizer), service)
      promptTokens += tokens.count
      var choice = try completion.request(tokens, service.generator)
      choice.constraint = constraint
      choice.apply(completion.generation.tokens, service.tokenizer)
      choices += choice.repeated(count)
      let answer = NativeReply.Answer(
        prompt: String(decoding: service.tokenizer.decode(tokens), as: UTF8.self), promptTokens: tokens.count,
        settings: completion.settings, contextLength: service.generator.contextLength)
      answers += [NativeReply.Answer](repeating: answer, count: count)
    }
    try GenerationRun.start(
      choices, promptTokens: promptTokens, choicesPerPrompt: count, generator: service.generator,
      exchange: exchange,
      reply: NativeReply(completion, model: service.options.modelName, answers: answers))
  }
}

extension NativeCompletionRequest {
  /// The engine's request for one prompt.
  fileprivate func request(
    _ tokens: [Int32], _ generator: any TextGenerator
  ) throws(ServingError) -> GenerationRequest {
    var fields = generation
    // The engine needs a token to compute a prompt that stays in the cache.
    if onlyComputesPrompt { fields.maximumTokens = 1 }
    var request = try GenerationRequest(
      prompt: tokens, fields, generator: generator, field: "prompt")
    request.decodeSecondsMaximum = decodeSecondsMaximum
    request.logprobCount = probabilityCount > 0 ? probabilityCount : nil
    request.logprobSource = probabilitiesAreSampled ? .sampler : .model
    return request
  }

  fileprivate var settings: GenerationSettings {
    var settings = GenerationSettings(sampling: generation.sampling)
    settings.maximumTokens = generation.maximumTokens ?? -1
    settings.ignoresEndOfSequence = generation.ignoresEndOfSequence
    settings.stopStrings = generation.stopStrings
    settings.isStreamed = generation.delivery.isStreamed
    settings.repeatsTimings = generation.delivery.repeatsTimings
    settings.probabilityCount = probabilityCount
    settings.probabilitiesAreSampled = probabilitiesAreSampled
    return settings
  }
}

/// POST /apply-template: the prompt of a conversation as text, for `/completion`.
enum TemplateEndpoint {
  private static let shape = RequestShape.object(ChatPromptFields.shape + .any(["model"]))

  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let fields = try request.readFields(shape, exchange, service)
    try fields.checkModel(service)
    let prompt = try ChatPromptFields(fields, thinking: service.options.thinking).prompt(
      service.chatFormat(), limit: service.textLimit)
    exchange.respond(.json(["prompt": .string(prompt.text)]))
  }
}
