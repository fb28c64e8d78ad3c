import QuireJSON

/// A block of an answer as an item of a response: reasoning, a message, or a call of a function.
struct ResponsesItem {
  private let block: AnswerBlocks.Block
  private let index: Int
  private let status: String
  /// Whether it is reasoning that is given as its summary. Clients that ask for summaries often show nothing else, and
  /// show the text twice if it is the content, too.
  private let isSummary: Bool
  /// The functions by what the model calls them.
  private let names: [String: ResponsesFunctionName]

  init(
    _ block: AnswerBlocks.Block, index: Int, status: String, summarizes: Bool,
    names: [String: ResponsesFunctionName]
  ) {
    self.block = block
    self.names = names
    self.index = index
    self.status = status
    isSummary = summarizes && block.kind == .reasoning
  }

  private var id: String {
    switch block.kind {
    case .reasoning: "rs_" + block.id
    case .text: "msg_" + block.id
    case .call: "fc_" + block.id
    }
  }

  /// What events about the item's text are called.
  var textName: String {
    switch block.kind {
    case .reasoning: isSummary ? "reasoning_summary_text" : "reasoning_text"
    case .text: "output_text"
    case .call: "function_call_arguments"
    }
  }

  /// What events about the item's one part are called.
  var partName: String { isSummary ? "reasoning_summary_part" : "content_part" }

  /// The member of the last of these events that has the whole text.
  var textMember: String {
    if case .call = block.kind { "arguments" } else { "text" }
  }

  /// The name of a call's function; nil for other items.
  var functionName: ResponsesFunctionName? {
    guard case .call(let name) = block.kind else { return nil }
    return names[name] ?? ResponsesFunctionName(name: name)
  }

  /// Where events about the item's text belong.
  var position: JSONObject {
    var members: JSONObject = ["item_id": .string(id), "output_index": .int(index)]
    if case .call = block.kind { return members }
    members[isSummary ? "summary_index" : "content_index"] = 0
    return members
  }

  /// The one part of an item with text; nil for a call.
  func part(text: String, logprobs: [JSONValue]) -> JSONValue? {
    switch block.kind {
    case .reasoning: ["type": isSummary ? "summary_text" : "reasoning_text", "text": .string(text)]
    case .text:
      ["type": "output_text", "annotations": [], "logprobs": .array(logprobs), "text": .string(text)]
    case .call: nil
    }
  }

  /// - Parameter isBegun: Whether the item has just begun and has no text.
  func value(logprobs: [JSONValue] = [], isBegun: Bool = false) -> JSONValue {
    let parts = isBegun ? [] : part(text: block.text, logprobs: logprobs).map { [$0] } ?? []
    switch block.kind {
    case .reasoning:
      return [
        "id": .string(id), "type": "reasoning", "summary": .array(isSummary ? parts : []),
        "content": .array(isSummary ? [] : parts), "status": .string(status),
      ]
    case .text:
      return [
        "id": .string(id), "type": "message", "status": .string(status), "role": "assistant",
        "content": .array(parts),
      ]
    case .call:
      var call: JSONObject = [
        "id": .string(id), "type": "function_call", "status": .string(status),
        "arguments": .string(isBegun ? "" : block.text), "call_id": .string("call_" + block.id),
      ]
      for member in functionName?.members.members ?? [] { call[member.key] = member.value }
      return .object(call)
    }
  }
}
