import QuireGeneration
import QuireJSON
import QuireText

/// The answer to a chat completion, whole or as a stream.
///
/// Events of a choice gather in its `Pending`; a chunk takes what has gathered since the last one, the whole
/// answer takes everything at the end.
struct ChatReply: Reply {
  /// What of a choice waits to be sent.
  private struct Pending: Sendable {
    var reasoning = ""
    var content = ""
    var calls: [JSONValue] = []
    var tokens: [TokenRecord] = []

    var isEmpty: Bool { reasoning.isEmpty && content.isEmpty && calls.isEmpty }
  }

  private struct Choice: Sendable {
    var pending = Pending()
    /// `nil` when the model was given no tools.
    var splitter: ToolCallSplitter?
    var callCount = 0
    var result: GenerationResult?

    var finishName: JSONValue {
      guard let result else { return .null }
      return .string(callCount > 0 && result.reason == .stop ? "tool_calls" : result.finishName)
    }
  }

  let isStreamed: Bool
  private let identity: ReplyIdentity
  private let delivery: GenerationFields.Delivery
  private let includesReasoning: Bool
  private let includesLogprobs: Bool
  private let allowsParallelCalls: Bool
  private var choices: [Choice]
  private var usage: UsageCounter

  init(_ request: ChatRequest, identity: ReplyIdentity, promptTokens: Int) {
    let generation = request.generation
    self.identity = identity
    self.delivery = generation.delivery
    self.isStreamed = generation.delivery.isStreamed
    self.includesReasoning = request.includesReasoning
    self.includesLogprobs = request.logprobCount != nil
    self.allowsParallelCalls = request.prompt.tools.allowsParallelCalls
    let choice = Choice(splitter: request.prompt.tools.tools.isEmpty ? nil : ToolCallSplitter())
    self.choices = [Choice](repeating: choice, count: generation.choiceCount)
    self.usage = UsageCounter(promptTokens: promptTokens, choiceCount: generation.choiceCount)
  }

  mutating func open() -> [JSONValue] {
    guard isStreamed else { return [] }
    return choices.indices.map { chunk($0, delta: ["role": "assistant", "content": ""]) }
  }

  mutating func receive(_ event: GenerationEvent, choice: Int) -> [JSONValue] {
    switch event {
    case .prompt: return []
    case .delta(let reasoning, let content, let token):
      usage.addToken(token, choice: choice)
      if includesReasoning { choices[choice].pending.reasoning += reasoning }
      if includesLogprobs { choices[choice].pending.tokens.append(token) }
      split(content, choice: choice)
    case .finished(let result):
      usage.finish(result, choice: choice)
      releaseHeld(choice: choice)
      choices[choice].result = result
    }
    guard isStreamed else { return [] }
    var chunks: [JSONValue] = []
    if !choices[choice].pending.isEmpty { chunks.append(chunk(choice, delta: takeDelta(choice))) }
    if choices[choice].result != nil { chunks.append(chunk(choice, delta: [:])) }
    return chunks
  }

  mutating func close() -> [JSONValue] {
    if isStreamed {
      return delivery.includesUsage
        ? [identity.value(object: Self.chunkName, choices: [], usage: usage.json)] : []
    }
    let whole = choices.indices.map { self.whole($0) }
    return [identity.value(object: "chat.completion", choices: whole, usage: usage.json)]
  }

  // MARK: Tool calls

  private mutating func split(_ content: String, choice: Int) {
    guard let parts = choices[choice].splitter?.append(content) else {
      choices[choice].pending.content += content
      return
    }
    take(parts, choice: choice)
  }

  private mutating func releaseHeld(choice: Int) {
    if let rest = choices[choice].splitter?.finish() { take(rest, choice: choice) }
  }

  private mutating func take(_ parts: ToolCallSplitter.Parts, choice: Int) {
    choices[choice].pending.content += parts.content
    for call in parts.calls where allowsParallelCalls || choices[choice].callCount == 0 {
      choices[choice].pending.calls.append(value(of: call, index: choices[choice].callCount))
      choices[choice].callCount += 1
    }
  }

  private func value(of call: ChatToolCall, index: Int) -> JSONValue {
    var value: JSONObject = isStreamed ? ["index": .int(index)] : [:]
    value["id"] = .string(ReplyIdentity.randomID(prefix: "call_"))
    value["type"] = "function"
    // In the spacing of the model's own calls, so that a conversation that is sent back reads as it was.
    let arguments = call.arguments.serialized(style: .python)
    value["function"] = ["name": .string(call.name), "arguments": .string(arguments)]
    return .object(value)
  }

  // MARK: Values

  private static let chunkName = "chat.completion.chunk"

  private mutating func takeDelta(_ index: Int) -> JSONObject {
    var delta = JSONObject()
    let pending = choices[index].pending
    if !pending.reasoning.isEmpty {
      delta["reasoning_content"] = .string(pending.reasoning)
      delta["reasoning"] = .string(pending.reasoning)
    }
    if !pending.content.isEmpty { delta["content"] = .string(pending.content) }
    if !pending.calls.isEmpty { delta["tool_calls"] = .array(pending.calls) }
    choices[index].pending = Pending(tokens: pending.tokens)
    return delta
  }

  private mutating func chunk(_ index: Int, delta: JSONObject) -> JSONValue {
    let choice: JSONValue = [
      "index": .int(index), "delta": .object(delta), "logprobs": takeLogprobs(index),
      "finish_reason": choices[index].finishName,
      "stop_reason": choices[index].result?.stopReason ?? .null,
    ]
    return identity.value(
      object: Self.chunkName, choices: [choice], usage: delivery.repeatsUsage ? usage.json : Optional.none)
  }

  private mutating func whole(_ index: Int) -> JSONValue {
    let pending = choices[index].pending
    let reasoning: JSONValue = pending.reasoning.isEmpty ? .null : .string(pending.reasoning)
    // Text beside tool calls is rare; readers expect null, not "", when there is none.
    let content: JSONValue =
      pending.content.isEmpty && !pending.calls.isEmpty ? .null : .string(pending.content)
    var message: JSONObject = [
      "role": "assistant", "content": content, "reasoning_content": reasoning, "reasoning": reasoning,
    ]
    if !pending.calls.isEmpty { message["tool_calls"] = .array(pending.calls) }
    return [
      "index": .int(index), "message": .object(message), "logprobs": takeLogprobs(index),
      "finish_reason": choices[index].finishName,
      "stop_reason": choices[index].result?.stopReason ?? .null,
    ]
  }

  /// Log-probabilities of every token since the last chunk, those of the thought included, in order.
  private mutating func takeLogprobs(_ index: Int) -> JSONValue {
    guard includesLogprobs, !(isStreamed && choices[index].pending.tokens.isEmpty) else { return .null }
    defer { choices[index].pending.tokens = [] }
    return ["content": .array(choices[index].pending.tokens.map(Self.logprobs))]
  }

  private static func logprobs(of record: TokenRecord) -> JSONValue {
    var value = entry(id: record.id, bytes: record.bytes, logprob: record.logprob ?? -9999)
    value["top_logprobs"] = .array(
      record.top.map { .object(entry(id: $0.id, bytes: $0.bytes, logprob: $0.logprob)) })
    return .object(value)
  }

  private static func entry(id: Int32, bytes: ArraySlice<UInt8>, logprob: Float) -> JSONObject {
    [
      "token": .string(TokenName.text(bytes)), "logprob": .logprob(logprob),
      "bytes": .array(bytes.map { .int($0) }),
    ]
  }
}
