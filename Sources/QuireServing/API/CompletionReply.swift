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
    var result: GenerationResult?
  }

  let isStreamed: Bool
  private let identity: ReplyIdentity
  private let delivery: GenerationFields.Delivery
  /// One per choice, or none.
  private let echoes: [Echo]
  private var choices: [Choice]
  private var usage: UsageCounter

  /// `promptTokens`: over all prompts. `echoes`: one per choice, empty without `echo`.
  init(
    _ request: CompletionRequest, identity: ReplyIdentity, promptTokens: Int, choiceCount: Int, echoes: [Echo]
  ) {
    self.identity = identity
    self.delivery = request.generation.delivery
    self.isStreamed = request.generation.delivery.isStreamed
    self.echoes = echoes
    let logprobs =
      request.logprobCount == nil ? nil : CompletionLogprobs(namesTokensByID: request.namesTokensByID)
    self.choices = [Choice](repeating: Choice(logprobs: logprobs), count: choiceCount)
    self.usage = UsageCounter(
      promptTokens: promptTokens, choiceCount: choiceCount, choicesPerPrompt: request.generation.choiceCount)
  }

  mutating func open() -> [ReplyEvent] {
    for (index, echo) in echoes.enumerated() { choices[index].text = echo.text }
    return []
  }

  mutating func receive(_ event: GenerationEvent, choice: Int) -> [ReplyEvent] {
    switch event {
    case .prompt(let tokens):
      for token in tokens { choices[choice].logprobs?.append(token) }
      return []
    case .delta(let parts, let token):
      usage.addToken(token, choice: choice)
      choices[choice].text += parts.content
      choices[choice].logprobs?.append(token)
      return isStreamed && !parts.content.isEmpty ? [ReplyEvent(chunk(choice))] : []
    case .finished(let result):
      usage.finish(result, choice: choice)
      choices[choice].result = result
      return isStreamed ? [ReplyEvent(chunk(choice))] : []
    }
  }

  mutating func close() -> [ReplyEvent] {
    if isStreamed {
      return delivery.includesUsage ? [ReplyEvent(value(choices: [], usage: usage.json))] : []
    }
    return [ReplyEvent(value(choices: choices.indices.map { takeChoice($0) }, usage: usage.json))]
  }

  /// What was collected for a choice since the last chunk.
  private mutating func chunk(_ index: Int) -> JSONValue {
    value(choices: [takeChoice(index)], usage: delivery.repeatsUsage ? usage.json : Optional.none)
  }

  private mutating func takeChoice(_ index: Int) -> JSONValue {
    let choice = choices[index]
    choices[index].text = ""
    let logprobs = choices[index].logprobs?.take()
    let isWithout = logprobs == nil || isStreamed && choice.logprobs?.isEmpty == true
    return [
      "index": .int(index), "text": .string(choice.text),
      "logprobs": isWithout ? .null : logprobs ?? .null,
      "finish_reason": choice.result.map { .string($0.finishName) } ?? .null,
      "stop_reason": choice.result?.stopReason ?? .null,
    ]
  }

  private func value(choices: [JSONValue], usage: JSONValue?) -> JSONValue {
    identity.value(object: "text_completion", choices: choices, usage: usage)
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

  mutating func append(_ record: TokenRecord) {
    tokens.append(.string(name(record.id, record.bytes)))
    logprobs.append(record.logprob.map { JSONValue.logprob($0) } ?? .null)
    top.append(alternatives(of: record))
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

  /// The most probable tokens and the chosen one, by name. Readers compare the chosen token's value with the
  /// largest one here, so both are the same number.
  private func alternatives(of record: TokenRecord) -> JSONValue {
    guard let logprob = record.logprob else { return .null }
    var members = JSONObject()
    for alternative in record.top {
      insert(alternative.id, alternative.bytes, alternative.logprob, into: &members)
    }
    if !record.top.contains(where: { $0.id == record.id }) {
      insert(record.id, record.bytes, logprob, into: &members)
    }
    return .object(members)
  }

  private func insert(
    _ id: Int32, _ bytes: ArraySlice<UInt8>, _ logprob: Float, into members: inout JSONObject
  ) {
    // Two tokens may have the same bytes (an added token and plain text); both must be listed.
    if !members.appendIfNew(name(id, bytes), .logprob(logprob)) {
      _ = members.appendIfNew(TokenName.id(id), .logprob(logprob))
    }
  }

  private func name(_ id: Int32, _ bytes: ArraySlice<UInt8>) -> String {
    namesTokensByID ? TokenName.id(id) : TokenName.text(bytes)
  }
}
