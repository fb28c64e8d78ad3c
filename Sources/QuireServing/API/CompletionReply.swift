import QuireGeneration
import QuireJSON
import QuireText

/// The answer to a text completion, whole or as a stream.
struct CompletionReply: Reply {
  /// The prompt that precedes each choice with `echo`.
  struct Echo: Sendable {
    let text: String
  }

  private struct Choice: Sendable {
    var text = ""
    var logprobs: CompletionLogprobs?
    /// The scored tokens of the prompt.
    var promptRecords: [TokenRecord] = []
    /// Tokens since the last chunk, with `return_token_ids`.
    var ids: [Int32] = []
    var hasShownPrompt = false
    /// Tokens so far.
    var tokenCount = 0
    var result: GenerationResult?
  }

  let isStreamed: Bool
  private let identity: ReplyIdentity
  private let delivery: GenerationFields.Delivery
  /// One per choice, or none.
  private let echoes: [Echo]
  /// One per choice.
  private let prompts: [[Int32]]
  /// Most tokens of each choice.
  private let limits: [Int]
  private let fields: TokenFields
  private let logprobCount: Int
  private var choices: [Choice]
  private var usage: UsageCounter

  /// `promptTokens`: over all prompts. `prompts`, `limits`: one per choice. `echoes`: one per choice, empty without
  /// `echo`.
  init(
    _ request: CompletionRequest, identity: ReplyIdentity, promptTokens: Int, prompts: [[Int32]],
    limits: [Int], echoes: [Echo]
  ) {
    self.identity = identity
    self.delivery = request.generation.delivery
    self.isStreamed = request.generation.delivery.isStreamed
    self.echoes = echoes
    self.prompts = prompts
    self.limits = limits
    fields = request.generation.tokens
    logprobCount = request.logprobCount ?? 0
    let logprobs =
      request.logprobCount == nil ? nil : CompletionLogprobs(namesTokensByID: fields.namesTokensByID)
    self.choices = [Choice](repeating: Choice(logprobs: logprobs), count: prompts.count)
    self.usage = UsageCounter(
      promptTokens: promptTokens, choiceCount: prompts.count, choicesPerPrompt: request.generation.choiceCount
    )
  }

  mutating func open() -> [ReplyEvent] {
    for (index, echo) in echoes.enumerated() { choices[index].text = echo.text }
    return []
  }

  mutating func receive(_ event: GenerationEvent, choice: Int) -> [ReplyEvent] {
    switch event {
    case .progress(let progress):
      usage.note(progress)
      guard isStreamed, delivery.reportsProgress else { return [] }
      return [ReplyEvent(chunk(choice, progress: progress.json))]
    case .prompt(let tokens):
      if !echoes.isEmpty {
        let most = logprobCount
        for token in tokens { choices[choice].logprobs?.append(token, alternatives: most) }
      }
      if fields.promptLogprobCount != nil { choices[choice].promptRecords = tokens }
      return []
    case .delta(let parts, let token):
      usage.addToken(token, choice: choice)
      choices[choice].text += parts.content
      choices[choice].logprobs?.append(token)
      if fields.returnsTokenIDs { choices[choice].ids.append(token.id) }
      choices[choice].tokenCount += 1
      // The end follows at once and comes in the same chunk as the last token.
      let isLast = choices[choice].tokenCount == limits[choice]
      return isStreamed && !parts.content.isEmpty && !isLast ? [ReplyEvent(chunk(choice))] : []
    case .finished(let result):
      usage.finish(result, choice: choice)
      choices[choice].result = result
      return isStreamed ? [ReplyEvent(chunk(choice))] : []
    }
  }

  mutating func close() -> [ReplyEvent] {
    if isStreamed {
      return delivery.includesUsage
        ? [ReplyEvent(value(choices: [], usage: usage.json, more: usage.timingsMember))] : []
    }
    let whole = choices.indices.map { takeChoice($0) }
    return [ReplyEvent(value(choices: whole, usage: usage.json, more: usage.timingsMember))]
  }

  /// What was collected for a choice since the last chunk.
  private mutating func chunk(_ index: Int, progress: JSONValue? = nil) -> JSONValue {
    // The last event of the stream has the timings.
    let isLast = choices[index].result != nil && !delivery.includesUsage
    var more = delivery.repeatsTimings || isLast ? usage.timingsMember : JSONObject()
    more["prompt_progress"] = progress
    return value(
      choices: [takeChoice(index)], usage: delivery.repeatsUsage ? usage.json : Optional.none, more: more)
  }

  private mutating func takeChoice(_ index: Int) -> JSONValue {
    let choice = choices[index]
    choices[index].text = ""
    let logprobs = choices[index].logprobs?.take()
    let isWithout = logprobs == nil || isStreamed && choice.logprobs?.isEmpty == true
    var members: JSONObject = [
      "index": .int(index), "text": .string(choice.text),
      "logprobs": isWithout ? .null : logprobs ?? .null,
      "finish_reason": choice.result.map { .string($0.finishName) } ?? .null,
      "stop_reason": choice.result?.stopReason ?? .null,
    ]
    addTokens(of: choice, index, to: &members)
    return .object(members)
  }

  /// The tokens of prompt and answer. Clients of vLLM expect these members of a whole answer even where they are null.
  private mutating func addTokens(of choice: Choice, _ index: Int, to members: inout JSONObject) {
    if fields.returnsTokenIDs || !isStreamed {
      members["token_ids"] = .ids(fields.returnsTokenIDs ? choice.ids : nil)
      choices[index].ids = []
    }
    if fields.returnsTokenIDs && !choice.hasShownPrompt || !isStreamed {
      members["prompt_token_ids"] = .ids(fields.returnsTokenIDs ? prompts[index] : nil)
      choices[index].hasShownPrompt = true
    }
    if !isStreamed {
      members["prompt_logprobs"] =
        fields.promptLogprobCount.map { PromptLogprobs.json(choice.promptRecords, count: $0) } ?? .null
    }
  }

  private func value(
    choices: [JSONValue], usage: JSONValue?, more: JSONObject
  ) -> JSONValue {
    identity.value(object: "text_completion", choices: choices, usage: usage, more: more)
  }
}

/// `logprobs` of a text completion: parallel lists, one entry per token.
struct CompletionLogprobs: Sendable {
  private let namesTokensByID: Bool
  private var tokens: [JSONValue] = []
  private var logprobs: [JSONValue] = []
  private var top: [JSONValue] = []
  private var offsets: [JSONValue] = []
  /// Characters (Unicode scalars) that have started so far.
  private var characterCount = 0

  init(namesTokensByID: Bool) {
    self.namesTokensByID = namesTokensByID
  }

  /// Whether no token was added since the last `take`.
  var isEmpty: Bool { tokens.isEmpty }

  /// `alternatives`: most of them.
  mutating func append(_ record: TokenRecord, alternatives: Int = .max) {
    tokens.append(.string(name(record.id, record.bytes)))
    logprobs.append(record.logprob.map { JSONValue.logprob($0) } ?? .null)
    top.append(self.alternatives(of: record, count: alternatives))
    offsets.append(.int(characterCount))
    characterCount += record.bytes.count { $0 & 0xC0 != 0x80 }
  }

  /// The lists since the last `take`.
  mutating func take() -> JSONValue {
    defer {
      (tokens, logprobs, top, offsets) = ([], [], [], [])
    }
    return [
      "tokens": .array(tokens), "token_logprobs": .array(logprobs), "top_logprobs": .array(top),
      "text_offset": .array(offsets),
    ]
  }

  /// The chosen token, then the most probable ones, by name. Readers compare the chosen token's value with the
  /// largest one here, so both are the same number.
  private func alternatives(of record: TokenRecord, count: Int) -> JSONValue {
    guard let logprob = record.logprob else { return .null }
    var members = JSONObject()
    insert(record.id, record.bytes, logprob, into: &members)
    for alternative in record.top.prefix(count) where alternative.id != record.id {
      insert(alternative.id, alternative.bytes, alternative.logprob, into: &members)
    }
    return .object(members)
  }

  private func insert(
    _ id: Int32, _ bytes: ArraySlice<UInt8>, _ logprob: Float, into members: inout JSONObject
  ) {
    // Two tokens may have the same bytes (an added token and plain text); both must be listed.
    if !members.appendIfNew(name(id, bytes), .logprob(logprob)) {
      _ = members.appendIfNew(TokenText.id(id), .logprob(logprob))
    }
  }

  private func name(_ id: Int32, _ bytes: ArraySlice<UInt8>) -> String {
    TokenText.name(id, bytes, byID: namesTokensByID)
  }
}
