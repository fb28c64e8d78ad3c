import QuireGeneration
import QuireJSON
import QuireText

/// The answer of Anthropic's Messages API, whole or as a stream.
struct MessagesReply: Reply {
  let isStreamed: Bool
  let errorFormat = ErrorFormat.anthropic
  let endsWithDone = false

  private let identity: ReplyIdentity
  private let includesReasoning: Bool
  private var callLimit: CallLimit
  private var answer = AnswerBlocks()
  private var usage: UsageCounter
  private var result: GenerationResult?

  init(_ request: ChatRequest, identity: ReplyIdentity, promptTokens: Int) {
    isStreamed = request.generation.delivery.isStreamed
    self.identity = identity
    includesReasoning = request.includesReasoning
    callLimit = CallLimit(request.prompt.tools)
    usage = UsageCounter(promptTokens: promptTokens, choiceCount: 1, choicesPerPrompt: 1)
  }

  mutating func open() -> [ReplyEvent] {
    [event("message_start", ["message": .object(message(content: []))]), event("ping", [:])]
  }

  mutating func receive(_ event: GenerationEvent, choice: Int) -> [ReplyEvent] {
    switch event {
    case .prompt, .progress: return []
    case .delta(var parts, let token):
      usage.addToken(token, choice: 0)
      if !includesReasoning { parts.reasoning = "" }
      callLimit.apply(to: &parts)
      let changes = answer.add(parts)
      return isStreamed ? events(changes) : []
    case .finished(let result):
      usage.finish(result, choice: 0)
      self.result = result
      let changes = answer.end()
      return isStreamed ? events(changes) : []
    }
  }

  mutating func close() -> [ReplyEvent] {
    guard isStreamed else {
      return [ReplyEvent(.object(message(content: answer.blocks.map(Self.whole))))]
    }
    return [
      event("message_delta", ["delta": .object(stop), "usage": usageValue]), event("message_stop", [:]),
    ]
  }

  mutating func fail(_ rejection: Rejection, requestID: String) -> [ReplyEvent] {
    [ReplyEvent(errorFormat.body(rejection, requestID: requestID), name: "error")]
  }

  // MARK: Events

  private func event(_ type: String, _ members: JSONObject) -> ReplyEvent {
    var value: JSONObject = ["type": .string(type)]
    for member in members.members { value[member.key] = member.value }
    return ReplyEvent(.object(value), name: type)
  }

  private func events(_ changes: [AnswerBlocks.Change]) -> [ReplyEvent] {
    changes.flatMap { change in
      switch change {
      case .began(let index):
        [
          event(
            "content_block_start",
            ["index": .int(index), "content_block": .object(Self.empty(answer.blocks[index]))])
        ]
      case .added(let index, let text): [delta(index, text)]
      case .ended(let index): end(index)
      }
    }
  }

  private func delta(_ index: Int, _ text: String) -> ReplyEvent {
    let (type, member) =
      switch answer.blocks[index].kind {
      case .reasoning: ("thinking_delta", "thinking")
      case .text: ("text_delta", "text")
      case .call: ("input_json_delta", "partial_json")
      }
    return event(
      "content_block_delta", ["index": .int(index), "delta": ["type": .string(type), member: .string(text)]])
  }

  private func end(_ index: Int) -> [ReplyEvent] {
    let stop = event("content_block_stop", ["index": .int(index)])
    guard answer.blocks[index].kind == .reasoning else { return [stop] }
    let signature: JSONObject = [
      "index": .int(index), "delta": ["type": "signature_delta", "signature": ""],
    ]
    return [event("content_block_delta", signature), stop]
  }

  // MARK: Values

  private func message(content: [JSONValue]) -> JSONObject {
    var message: JSONObject = [
      "id": .string(identity.id), "type": "message", "role": "assistant", "model": .string(identity.model),
      "content": .array(content),
    ]
    for member in stop.members { message[member.key] = member.value }
    message["usage"] = usageValue
    return message
  }

  private static func empty(_ block: AnswerBlocks.Block) -> JSONObject {
    switch block.kind {
    case .reasoning: ["type": "thinking", "thinking": "", "signature": ""]
    case .text: ["type": "text", "text": ""]
    case .call(let name):
      ["type": "tool_use", "id": .string("toolu_" + block.id), "name": .string(name), "input": [:]]
    }
  }

  private static func whole(_ block: AnswerBlocks.Block) -> JSONValue {
    var value = empty(block)
    switch block.kind {
    case .reasoning: value["thinking"] = .string(block.text)
    case .text: value["text"] = .string(block.text)
    case .call(let name):
      guard let arguments = block.arguments else {
        // An input must be an object. A call that has none is given as the model wrote it.
        let head = "{\"name\": \(JSONValue.string(name).serialized()), \"arguments\": "
        return ["type": "text", "text": .string("\(ChatFormat.toolCallStart)\n\(head)\(block.text)")]
      }
      value["input"] = arguments
    }
    return .object(value)
  }

  /// Why the answer ended; null while it runs.
  private var stop: JSONObject {
    guard let result else { return ["stop_reason": .null, "stop_sequence": .null] }
    if result.finishName == "length" { return ["stop_reason": "max_tokens", "stop_sequence": .null] }
    if case .string(let text) = result.match {
      return ["stop_reason": "stop_sequence", "stop_sequence": .string(text)]
    }
    return ["stop_reason": answer.hasWholeCall ? "tool_use" : "end_turn", "stop_sequence": .null]
  }

  /// Cached tokens are known only at the end; before that all tokens of the prompt count as new.
  private var usageValue: JSONValue {
    let cached = usage.cachedTokenCount ?? 0
    return [
      "input_tokens": .int(usage.promptTokens - cached), "cache_creation_input_tokens": 0,
      "cache_read_input_tokens": .int(cached), "output_tokens": .int(usage.completionTokenCount),
    ]
  }
}
