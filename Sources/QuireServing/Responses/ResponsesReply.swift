import QuireGeneration
import QuireJSON
import QuireText

/// The answer of OpenAI's Responses API, whole or as a stream.
struct ResponsesReply: Reply {
  let isStreamed: Bool
  let endsWithDone = false

  private let identity: ReplyIdentity
  private let repeated: JSONObject
  /// The items of the conversation, serialized, for the store.
  private let items: [UInt8]
  /// Where the response is stored; `nil` if it is not.
  private var store: ResponseStore?
  private let delivery: GenerationFields.Delivery
  private let includesReasoning: Bool
  private let summarizesReasoning: Bool
  private let includesLogprobs: Bool
  private let functionNames: [String: ResponsesFunctionName]
  private var callLimit: CallLimit
  private var answer = AnswerBlocks()
  /// Log-probabilities by block; for blocks of text only.
  private var logprobs: [[JSONValue]] = []
  /// Those of tokens whose text has not come out yet.
  private var pendingLogprobs: [JSONValue] = []
  private var usage: UsageCounter
  private var result: GenerationResult?
  /// The number of the next event.
  private var sequenceNumber = 0

  init(_ request: ResponsesRequest, identity: ReplyIdentity, promptTokens: Int, store: ResponseStore?) {
    delivery = request.chat.generation.delivery
    isStreamed = delivery.isStreamed
    self.identity = identity
    repeated = request.repeated
    let items = store == nil ? [] : StoredItem.identified(request.items, of: identity.id)
    self.items = JSONValue.array(items).serializedBytes()
    self.store = store
    includesReasoning = request.chat.includesReasoning
    summarizesReasoning = request.summarizesReasoning
    includesLogprobs = request.chat.logprobCount != nil
    functionNames = request.functionNames
    callLimit = CallLimit(request.chat.prompt.tools)
    usage = UsageCounter(promptTokens: promptTokens, choiceCount: 1, choicesPerPrompt: 1)
  }

  mutating func open() -> [ReplyEvent] {
    [
      event("response.created", ["response": response("in_progress")]),
      event("response.in_progress", ["response": response("in_progress")]),
    ]
  }

  mutating func receive(_ event: GenerationEvent, choice: Int) -> [ReplyEvent] {
    var changes: [AnswerBlocks.Change] = []
    switch event {
    case .prompt: break
    case .progress(let progress):
      usage.note(progress)
      guard isStreamed, delivery.reportsProgress else { return [] }
      return [
        self.event(
          "response.in_progress",
          ["response": response("in_progress"), "prompt_progress": progress.json])
      ]
    case .delta(var parts, let token):
      usage.addToken(token, choice: 0)
      if !includesReasoning { parts.reasoning = "" }
      callLimit.apply(to: &parts)
      if includesLogprobs && !token.isReasoning { pendingLogprobs.append(token.logprobs()) }
      changes = answer.add(parts)
    case .finished(let result):
      usage.finish(result, choice: 0)
      self.result = result
      changes = answer.end()
    }
    let events = changes.flatMap { self.events($0) }
    return isStreamed ? events : []
  }

  mutating func close() -> [ReplyEvent] {
    var value = response(finalStatus)
    if let store, !store.add(value, id: identity.id, after: items) {
      self.store = nil
      value = response(finalStatus)
    }
    return [isStreamed ? event("response." + finalStatus, ["response": value] + timings) : ReplyEvent(value)]
  }

  mutating func fail(_ rejection: Rejection, requestID: String) -> [ReplyEvent] {
    let error: JSONValue = [
      "code": rejection.status == 429 ? "rate_limit_exceeded" : "server_error",
      "message": .string(rejection.message),
    ]
    return [event("response.failed", ["response": response("failed", error: error)])]
  }

  /// With `timings_per_token`.
  private var timings: JSONObject { delivery.repeatsTimings ? usage.timingsMember : JSONObject() }

  // MARK: Events

  private mutating func event(_ type: String, _ members: JSONObject) -> ReplyEvent {
    var value: JSONObject = ["type": .string(type), "sequence_number": .int(sequenceNumber)]
    for member in members.members { value[member.key] = member.value }
    sequenceNumber += 1
    return ReplyEvent(.object(value), name: type)
  }

  private mutating func events(_ change: AnswerBlocks.Change) -> [ReplyEvent] {
    switch change {
    case .began(let index):
      logprobs.append([])
      return began(index)
    case .added(let index, let text): return [added(index, text)]
    case .ended(let index): return ended(index)
    }
  }

  private mutating func began(_ index: Int) -> [ReplyEvent] {
    let block = item(index, status: "in_progress")
    let added = event(
      "response.output_item.added", ["output_index": .int(index), "item": block.value(isBegun: true)])
    guard let part = block.part(text: "", logprobs: []) else { return [added] }
    return [added, event("response.\(block.partName).added", block.position + ["part": part])]
  }

  private mutating func added(_ index: Int, _ text: String) -> ReplyEvent {
    let block = item(index, status: "in_progress")
    var members = block.position
    members["delta"] = .string(text)
    if answer.blocks[index].kind == .text {
      members["logprobs"] = .array(pendingLogprobs)
      logprobs[index] += pendingLogprobs
    }
    pendingLogprobs = []
    return event("response.\(block.textName).delta", members + timings)
  }

  private mutating func ended(_ index: Int) -> [ReplyEvent] {
    let block = item(index)
    var members = block.position
    members[block.textMember] = .string(answer.blocks[index].text)
    if answer.blocks[index].kind == .text { members["logprobs"] = .array(logprobs[index]) }
    members["name"] = block.functionName.map { .string($0.name) }
    var events = [event("response.\(block.textName).done", members)]
    if let part = block.part(text: answer.blocks[index].text, logprobs: logprobs[index]) {
      events.append(event("response.\(block.partName).done", block.position + ["part": part]))
    }
    events.append(
      event("response.output_item.done", ["output_index": .int(index), "item": value(of: block, index)]))
    return events
  }

  // MARK: Values

  private func value(of item: ResponsesItem, _ index: Int) -> JSONValue {
    item.value(logprobs: logprobs[index])
  }

  /// A block that has ended. The last block of an answer that was cut is incomplete, and so are calls without a whole
  /// object of arguments.
  private func item(_ index: Int) -> ResponsesItem {
    let block = answer.blocks[index]
    let isCut = finalStatus == "incomplete" && index == answer.blocks.count - 1
    let isCall = block.kind != .text && block.kind != .reasoning
    let isWhole = isCall ? block.arguments != nil : !isCut
    return item(index, status: isWhole ? "completed" : "incomplete")
  }

  private func item(_ index: Int, status: String) -> ResponsesItem {
    ResponsesItem(
      answer.blocks[index], index: index, status: status, summarizes: summarizesReasoning,
      names: functionNames)
  }

  private var finalStatus: String { result?.finishName == "length" ? "incomplete" : "completed" }

  private func response(_ status: String, error: JSONValue = .null) -> JSONValue {
    let isOver = result != nil
    var value: JSONObject = [
      "id": .string(identity.id), "object": "response", "created_at": .int(identity.created),
      "status": .string(status), "background": false,
      "completed_at": status == "completed" ? .int(unixTime()) : .null, "error": error,
      "incomplete_details": status == "incomplete" ? ["reason": "max_output_tokens"] : .null,
      "model": .string(identity.model),
      "output": .array(isOver ? answer.blocks.indices.map { self.value(of: item($0), $0) } : []),
    ]
    for member in repeated.members { value[member.key] = member.value }
    value["store"] = .bool(store != nil)
    value["usage"] = isOver ? usage.responsesValue : .null
    return .object(value)
  }
}

extension UsageCounter {
  /// `usage` of a response.
  fileprivate var responsesValue: JSONValue {
    [
      "input_tokens": .int(promptTokens),
      "input_tokens_details": ["cached_tokens": .int(cachedTokenCount ?? 0), "cache_write_tokens": 0],
      "output_tokens": .int(completionTokenCount),
      "output_tokens_details": ["reasoning_tokens": .int(reasoningTokenCount)],
      "total_tokens": .int(promptTokens + completionTokenCount),
    ]
  }
}

extension JSONObject {
  fileprivate static func + (left: JSONObject, right: JSONObject) -> JSONObject {
    var sum = left
    for member in right.members { sum[member.key] = member.value }
    return sum
  }
}
