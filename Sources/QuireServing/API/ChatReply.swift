import QuireGeneration
import QuireJSON
import QuireText

/// The answer to a chat completion, whole or as a stream.
///
/// Events of a choice are collected in its `Pending`. A chunk takes what was collected since the last chunk; an
/// answer that is not streamed takes everything at the end.
struct ChatReply: Reply {
  /// The part of a choice that has not been sent yet.
  private struct Pending: Sendable {
    var parts = AnswerParts()
    var tokens: [TokenRecord] = []
    /// With `return_token_ids`.
    var ids: [Int32] = []
  }

  private struct Choice: Sendable {
    var pending = Pending()
    /// Tool calls that have begun.
    var callCount = 0
    var callLimit: CallLimit
    /// Whether a complete answer with calls has the finish reason `tool_calls`. With a named function it is `stop`, as
    /// in OpenAI's API and vLLM.
    var reportsCalls = true
    var result: GenerationResult?

    var finishName: JSONValue {
      guard let result else { return .null }
      return .string(
        reportsCalls && callCount > 0 && result.reason == .stop ? "tool_calls" : result.finishName)
    }
  }

  let isStreamed: Bool
  private let identity: ReplyIdentity
  private let delivery: GenerationFields.Delivery
  private let includesReasoning: Bool
  private let includesLogprobs: Bool
  private let fields: TokenFields
  private let prompt: [Int32]
  private let echo: String?
  /// With `verbose`.
  private let promptText: String?
  /// The scored tokens of the prompt.
  private var promptRecords: [TokenRecord] = []
  private var choices: [Choice]
  private var usage: UsageCounter

  init(_ request: ChatRequest, identity: ReplyIdentity, prompt: [Int32], promptText: String?) {
    let generation = request.generation
    self.identity = identity
    self.delivery = generation.delivery
    self.isStreamed = generation.delivery.isStreamed
    self.includesReasoning = request.includesReasoning
    self.includesLogprobs = request.logprobCount != nil
    self.fields = generation.tokens
    self.prompt = prompt
    self.promptText = promptText
    echo = request.echo
    var choice = Choice(callLimit: CallLimit(request.prompt.tools))
    if case .function = request.prompt.tools.choice { choice.reportsCalls = false }
    self.choices = [Choice](repeating: choice, count: generation.choiceCount)
    self.usage = UsageCounter(
      promptTokens: prompt.count, choiceCount: generation.choiceCount,
      choicesPerPrompt: generation.choiceCount)
  }

  mutating func open() -> [ReplyEvent] {
    guard isStreamed else {
      for index in choices.indices { choices[index].pending.parts.content = echo ?? "" }
      return []
    }
    return choices.indices.flatMap { index in
      var more: JSONObject = fields.returnsTokenIDs && index == 0 ? ["prompt_token_ids": .ids(prompt)] : [:]
      if index == 0 { more["__verbose"] = verbose }
      let first = ReplyEvent(chunk(index, delta: ["role": "assistant", "content": .null], more))
      guard let echo else { return [first] }
      return [first, ReplyEvent(chunk(index, delta: ["content": .string(echo)]))]
    }
  }

  mutating func receive(_ event: GenerationEvent, choice: Int) -> [ReplyEvent] {
    switch event {
    case .prompt(let tokens):
      if choice == 0 { promptRecords = tokens }
      return []
    case .progress(let progress):
      usage.note(progress)
      guard isStreamed, delivery.reportsProgress else { return [] }
      return [ReplyEvent(chunk(choice, delta: [:], ["prompt_progress": progress.json]))]
    case .delta(var parts, let token):
      usage.addToken(token, choice: choice)
      if !includesReasoning { parts.reasoning = "" }
      choices[choice].callLimit.apply(to: &parts)
      choices[choice].pending.parts += parts
      if includesLogprobs { choices[choice].pending.tokens.append(token) }
      if fields.returnsTokenIDs { choices[choice].pending.ids.append(token.id) }
      guard isStreamed, !choices[choice].pending.parts.isEmpty else { return [] }
      return takeBeforeContent(choice) + takeDeltas(choice).map { ReplyEvent(chunk(choice, delta: $0)) }
    case .finished(let result):
      usage.finish(result, choice: choice)
      choices[choice].result = result
      // All text was sent with the token that completed it; this chunk only adds the finish_reason.
      return isStreamed ? [ReplyEvent(chunk(choice, delta: [:]))] : []
    }
  }

  mutating func close() -> [ReplyEvent] {
    if isStreamed {
      return delivery.includesUsage
        ? [
          ReplyEvent(
            identity.value(
              object: Self.chunkName, choices: [], usage: usage.json, more: usage.timingsMember))
        ] : []
    }
    let whole = choices.indices.map { self.whole($0) }
    // Clients of vLLM expect these members even where they are null.
    var more: JSONObject = [
      "prompt_logprobs": fields.promptLogprobCount.map { PromptLogprobs.json(promptRecords, count: $0) }
        ?? .null,
      "prompt_token_ids": .ids(fields.returnsTokenIDs ? prompt : nil),
    ]
    more["timings"] = usage.timings
    more["__verbose"] = verbose
    return [
      ReplyEvent(identity.value(object: "chat.completion", choices: whole, usage: usage.json, more: more))
    ]
  }

  /// llama-server's name for what helps to find faults.
  private var verbose: JSONValue? { promptText.map { ["prompt": .string($0)] } }

  // MARK: Tool calls

  /// A call of an answer that is not streamed.
  private mutating func whole(_ call: ToolCallPart, choice: Int) -> JSONValue {
    choices[choice].callCount += 1
    return Self.beginning(of: call.name ?? "", arguments: call.arguments)
  }

  /// The deltas for a call or its continuation: one that begins the call, and one with text of its arguments.
  private mutating func deltas(_ call: ToolCallPart, choice: Int) -> [JSONObject] {
    var values: [JSONValue] = []
    if let name = call.name {
      choices[choice].callCount += 1
      values.append(Self.beginning(of: name, arguments: ""))
    }
    if !call.arguments.isEmpty { values.append(["function": ["arguments": .string(call.arguments)]]) }
    let index = choices[choice].callCount - 1
    return values.map { value in
      var members: JSONObject = ["index": .int(index)]
      for member in value.objectValue?.members ?? [] { members[member.key] = member.value }
      return ["tool_calls": [.object(members)]]
    }
  }

  private static func beginning(of name: String, arguments: String) -> JSONValue {
    [
      "id": .string(ReplyIdentity.randomID(prefix: "call_")), "type": "function",
      "function": ["name": .string(name), "arguments": .string(arguments)],
    ]
  }

  // MARK: Values

  private static let chunkName = "chat.completion.chunk"

  /// The deltas for what was collected: one for text, and those of the calls.
  private mutating func takeDeltas(_ index: Int) -> [JSONObject] {
    let parts = choices[index].pending.parts
    choices[index].pending.parts = AnswerParts()
    var text = JSONObject()
    if !parts.reasoning.isEmpty {
      text["reasoning_content"] = .string(parts.reasoning)
      text["reasoning"] = .string(parts.reasoning)
    }
    if !parts.content.isEmpty { text["content"] = .string(parts.content) }
    return (text.isEmpty ? [] : [text]) + parts.calls.flatMap { deltas($0, choice: index) }
  }

  /// With log-probabilities, the chunk for what came before the content that is pending: reasoning, and tokens without
  /// text, such as the tag and the line feeds between reasoning and content. Clients take the tokens of a chunk with
  /// content for the content.
  private mutating func takeBeforeContent(_ index: Int) -> [ReplyEvent] {
    guard includesLogprobs else { return [] }
    let pending = choices[index].pending
    var (count, byteCount) = (pending.tokens.count, 0)
    while count > 0, byteCount < pending.parts.content.utf8.count {
      count -= 1
      byteCount += pending.tokens[count].bytes.count
    }
    guard !pending.parts.content.isEmpty, count > 0 else { return [] }
    choices[index].pending = Pending(
      parts: AnswerParts(reasoning: pending.parts.reasoning), tokens: Array(pending.tokens[..<count]),
      ids: Array(pending.ids.prefix(count)))
    let delta = takeDeltas(index).first ?? [:]
    let event = ReplyEvent(chunk(index, delta: delta))
    choices[index].pending = Pending(
      parts: AnswerParts(content: pending.parts.content, calls: pending.parts.calls),
      tokens: Array(pending.tokens[count...]), ids: Array(pending.ids.dropFirst(count)))
    return [event]
  }

  private mutating func chunk(
    _ index: Int, delta: JSONObject, _ members: JSONObject = JSONObject()
  ) -> JSONValue {
    var more = members
    if delivery.repeatsTimings || isLast(index) { more["timings"] = usage.timings }
    var choice: JSONObject = [
      "index": .int(index), "delta": .object(delta), "logprobs": takeLogprobs(index),
      "finish_reason": choices[index].finishName,
      "stop_reason": choices[index].result?.stopReason ?? .null,
    ]
    if fields.returnsTokenIDs { choice["token_ids"] = takeIDs(index) }
    return identity.value(
      object: Self.chunkName, choices: [.object(choice)],
      usage: delivery.repeatsUsage ? usage.json : Optional.none, more: more)
  }

  /// The ids of every token since the last chunk; null without `return_token_ids`.
  private mutating func takeIDs(_ index: Int) -> JSONValue {
    defer { choices[index].pending.ids = [] }
    return .ids(fields.returnsTokenIDs ? choices[index].pending.ids : nil)
  }

  /// Whether the choice's end is the last event of the stream, which then has the timings.
  private func isLast(_ index: Int) -> Bool { choices[index].result != nil && !delivery.includesUsage }

  private mutating func whole(_ index: Int) -> JSONValue {
    let parts = choices[index].pending.parts
    let reasoning: JSONValue = parts.reasoning.isEmpty ? .null : .string(parts.reasoning)
    // Tool calls rarely come with text; without text clients expect null, not "".
    let content: JSONValue = parts.content.isEmpty && !parts.calls.isEmpty ? .null : .string(parts.content)
    var message: JSONObject = [
      "role": "assistant", "content": content, "reasoning_content": reasoning, "reasoning": reasoning,
    ]
    if !parts.calls.isEmpty {
      message["tool_calls"] = .array(parts.calls.map { whole($0, choice: index) })
    }
    return [
      "index": .int(index), "message": .object(message), "logprobs": takeLogprobs(index),
      "finish_reason": choices[index].finishName,
      "stop_reason": choices[index].result?.stopReason ?? .null, "token_ids": takeIDs(index),
    ]
  }

  /// Log-probabilities of every token since the last chunk, reasoning tokens included, in order.
  private mutating func takeLogprobs(_ index: Int) -> JSONValue {
    guard includesLogprobs, !(isStreamed && choices[index].pending.tokens.isEmpty) else { return .null }
    defer { choices[index].pending.tokens = [] }
    let records = choices[index].pending.tokens
    return ["content": .array(records.map { $0.logprobs(namesByID: fields.namesTokensByID) })]
  }

}
