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
  }

  private struct Choice: Sendable {
    var pending = Pending()
    /// Tool calls that have been sent.
    var sentCallCount = 0
    var hasCalls = false
    /// Whether a complete answer with calls has the finish reason `tool_calls`. With a named function it is `stop`, as
    /// in OpenAI's API and vLLM.
    var reportsCalls = true
    var result: GenerationResult?

    var finishName: JSONValue {
      guard let result else { return .null }
      return .string(reportsCalls && hasCalls && result.reason == .stop ? "tool_calls" : result.finishName)
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
    var choice = Choice()
    if case .function = request.prompt.tools.choice { choice.reportsCalls = false }
    self.choices = [Choice](repeating: choice, count: generation.choiceCount)
    self.usage = UsageCounter(
      promptTokens: promptTokens, choiceCount: generation.choiceCount,
      choicesPerPrompt: generation.choiceCount)
  }

  mutating func open() -> [JSONValue] {
    guard isStreamed else { return [] }
    return choices.indices.map { chunk($0, delta: ["role": "assistant", "content": ""]) }
  }

  mutating func receive(_ event: GenerationEvent, choice: Int) -> [JSONValue] {
    switch event {
    case .prompt: return []
    case .progress(let progress):
      usage.note(progress)
      guard isStreamed, delivery.reportsProgress else { return [] }
      return [chunk(choice, delta: [:], progress: progress.json)]
    case .delta(var parts, let token):
      usage.addToken(token, choice: choice)
      if !includesReasoning { parts.reasoning = "" }
      if !allowsParallelCalls { parts.calls = choices[choice].hasCalls ? [] : Array(parts.calls.prefix(1)) }
      choices[choice].pending.parts += parts
      if !parts.calls.isEmpty { choices[choice].hasCalls = true }
      if includesLogprobs { choices[choice].pending.tokens.append(token) }
      guard isStreamed, !choices[choice].pending.parts.isEmpty else { return [] }
      return [chunk(choice, delta: takeDelta(choice))]
    case .finished(let result):
      usage.finish(result, choice: choice)
      choices[choice].result = result
      // All text was sent with the token that completed it; this chunk only adds the finish_reason.
      return isStreamed ? [chunk(choice, delta: [:])] : []
    }
  }

  mutating func close() -> [JSONValue] {
    if isStreamed {
      return delivery.includesUsage
        ? [
          identity.value(
            object: Self.chunkName, choices: [], usage: usage.json, more: ["timings": usage.timings])
        ] : []
    }
    let whole = choices.indices.map { self.whole($0) }
    return [
      identity.value(
        object: "chat.completion", choices: whole, usage: usage.json, more: ["timings": usage.timings])
    ]
  }

  // MARK: Tool calls

  /// - Parameter start: The index of the first call in its answer.
  private func values(of calls: [ChatToolCall], from start: Int) -> JSONValue {
    .array(calls.enumerated().map { value(of: $0.element, index: start + $0.offset) })
  }

  private func value(of call: ChatToolCall, index: Int) -> JSONValue {
    var value: JSONObject = isStreamed ? ["index": .int(index)] : [:]
    value["id"] = .string(ReplyIdentity.randomID(prefix: "call_"))
    value["type"] = "function"
    // Spaced as the model writes calls, so that a conversation that is sent back renders to the same tokens.
    let arguments = call.arguments.serialized(style: .python)
    value["function"] = ["name": .string(call.name), "arguments": .string(arguments)]
    return .object(value)
  }

  // MARK: Values

  private static let chunkName = "chat.completion.chunk"

  private mutating func takeDelta(_ index: Int) -> JSONObject {
    var delta = JSONObject()
    let parts = choices[index].pending.parts
    if !parts.reasoning.isEmpty {
      delta["reasoning_content"] = .string(parts.reasoning)
      delta["reasoning"] = .string(parts.reasoning)
    }
    if !parts.content.isEmpty { delta["content"] = .string(parts.content) }
    if !parts.calls.isEmpty {
      delta["tool_calls"] = values(of: parts.calls, from: choices[index].sentCallCount)
    }
    choices[index].sentCallCount += parts.calls.count
    choices[index].pending.parts = AnswerParts()
    return delta
  }

  private mutating func chunk(_ index: Int, delta: JSONObject, progress: JSONValue? = nil) -> JSONValue {
    let choice: JSONValue = [
      "index": .int(index), "delta": .object(delta), "logprobs": takeLogprobs(index),
      "finish_reason": choices[index].finishName,
      "stop_reason": choices[index].result?.stopReason ?? .null,
    ]
    return identity.value(
      object: Self.chunkName, choices: [choice], usage: delivery.repeatsUsage ? usage.json : Optional.none,
      more: [
        "timings": delivery.repeatsTimings || isLast(index) ? usage.timings : nil,
        "prompt_progress": progress,
      ])
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
    if !parts.calls.isEmpty { message["tool_calls"] = values(of: parts.calls, from: 0) }
    return [
      "index": .int(index), "message": .object(message), "logprobs": takeLogprobs(index),
      "finish_reason": choices[index].finishName,
      "stop_reason": choices[index].result?.stopReason ?? .null,
    ]
  }

  /// Log-probabilities of every token since the last chunk, reasoning tokens included, in order.
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
