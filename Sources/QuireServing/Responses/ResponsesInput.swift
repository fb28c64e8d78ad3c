import QuireJSON
import QuireText

/// Reads the `input` of OpenAI's Responses API: a string, or items. Reasoning, text and calls of the assistant that
/// follow one another are one message.
struct ResponsesInput {
  /// The conversation as items with the members that are read; a string is the user's message.
  let items: [JSONValue]
  let messages: [ChatMessage]

  static let shape: RequestShape = {
    let partMembers = ["type", "text", "refusal", "annotations", "logprobs"]
    let parts = RequestShape.array(of: .members(partMembers))
    return .array(
      of: .object(
        .any([
          "type", "role", "id", "status", "phase", "call_id", "name", "namespace", "arguments",
          "encrypted_content",
        ]) + ["content": parts, "output": ToolResult.shape(text: partMembers), "summary": parts]))
  }()

  private static let types = ["message", "function_call", "function_call_output", "reasoning"]

  /// - Parameters:
  ///   - instructions: The system prompt, which comes first.
  ///   - earlier: Items before those of the request.
  init(_ reader: FieldReader, instructions: String?, earlier: [JSONValue]) throws(ServingError) {
    var conversation = Conversation()
    if let instructions { conversation.append(ChatMessage(role: .system, content: instructions)) }
    for (index, item) in earlier.enumerated() {
      try Self.read(
        reader.block(item, "previous_response_id", index, standard: "message"), into: &conversation)
    }
    guard let value = reader.value("input") else {
      throw .rejected(
        .badField("input", "input: expected a string or items, found none; send the conversation"))
    }
    if let text = value.stringValue {
      conversation.append(ChatMessage(role: .user, content: text))
      items = earlier.map(Self.kept) + [["type": "message", "role": "user", "content": .string(text)]]
      messages = conversation.finished
      return
    }
    guard let found = value.arrayValue, !found.isEmpty else {
      throw reader.wrong("input", expected: "a string or an array of items", found: value, advice: .correct)
    }
    for (index, item) in found.enumerated() {
      try Self.read(reader.block(item, "input", index, standard: "message"), into: &conversation)
    }
    items = (earlier + found).map(Self.kept)
    messages = conversation.finished
  }

  /// What is stored of an item that was read: other members, such as encrypted reasoning, can be large, and each later
  /// request would parse them.
  private static func kept(_ item: JSONValue) -> JSONValue {
    var members = JSONObject()
    for name in ["type", "id", "role", "call_id", "name", "namespace", "arguments"] {
      members[name] = item[name]?.stringValue.map { .string($0) }
    }
    for name in ["content", "output", "summary"] {
      let value = name == "output" ? item[name].map(ToolResult.readable) : item[name]
      members[name] =
        value?.arrayValue.map { .array($0.map(keptBlock)) }
        ?? value?.stringValue.map { .string($0) }
    }
    return .object(members)
  }

  private static func keptBlock(_ block: JSONValue) -> JSONValue {
    var members = JSONObject()
    for name in TextBlocks.members { members[name] = block[name]?.stringValue.map { .string($0) } }
    return .object(members)
  }

  private static func read(
    _ item: TypedBlock, into conversation: inout Conversation
  ) throws(ServingError) {
    switch item.type {
    case "message": try readMessage(item.fields, into: &conversation)
    case "function_call":
      let arguments = try item.required("arguments")
      let name = try ResponsesFunctionName(item.fields).full
      let call = ChatToolCall(
        name: name, arguments: .string(arguments), id: item.fields.value("call_id")?.stringValue)
      conversation.add(call: call.withParsedArguments)
    case "function_call_output":
      guard let output = try ToolResult.text(item.fields, "output") else {
        throw missing(item.fields, "output")
      }
      var result = ChatMessage(role: .tool, content: output)
      result.toolCallID = item.fields.value("call_id")?.stringValue
      conversation.append(result)
    case "reasoning":
      // Reasoning has one of the two, as it was given; encrypted reasoning is another server's.
      let content = try TextBlocks.read(item.fields, "content", types: ["reasoning_text", "text"]) ?? ""
      let summary = try TextBlocks.read(item.fields, "summary", types: ["summary_text", "text"]) ?? ""
      let text = content.isEmpty ? summary : content
      if !text.isEmpty { conversation.add(reasoning: text) }
    default: throw item.unreadable(expected: types)
    }
  }

  private static func readMessage(
    _ message: FieldReader, into conversation: inout Conversation
  ) throws(ServingError) {
    let types = ["input_text", "output_text", "text", "refusal"]
    guard let text = try TextBlocks.read(message, "content", types: types) else {
      throw missing(message, "content")
    }
    switch try message.string("role") {
    case "user": conversation.append(ChatMessage(role: .user, content: text))
    case "system", "developer": conversation.append(ChatMessage(role: .system, content: text))
    case "assistant": conversation.add(text: text)
    default:
      throw message.wrong(
        "role", expected: "one of user, assistant, system, developer", found: message.value("role") ?? .null,
        advice: .correct)
    }
  }

  private static func missing(_ item: FieldReader, _ name: String) -> ServingError {
    .rejected(
      .badField(
        item.prefix + name,
        "\(item.path(name)): expected a string or an array of blocks of text, found none; send one"))
  }

  /// The messages so far. The last one is open while it is the assistant's.
  private struct Conversation {
    private var messages: [ChatMessage] = []
    private var turn: ChatMessage?

    var finished: [ChatMessage] { messages + (turn.map { [$0] } ?? []) }

    mutating func append(_ message: ChatMessage) {
      if let turn { messages.append(turn) }
      turn = nil
      messages.append(message)
    }

    mutating func add(reasoning: String) {
      open { $0.content == nil && $0.toolCalls.isEmpty }
      let before = turn?.reasoningContent.map { $0 + "\n" } ?? ""
      turn?.reasoningContent = before + reasoning
    }

    mutating func add(text: String) {
      open { $0.content == nil && $0.toolCalls.isEmpty }
      turn?.content = text
    }

    mutating func add(call: ChatToolCall) {
      open { _ in true }
      turn?.toolCalls.append(call)
    }

    /// Makes sure that there is an open message to which something can be added.
    private mutating func open(_ fits: (ChatMessage) -> Bool) {
      if let turn {
        if fits(turn) { return }
        messages.append(turn)
      }
      turn = ChatMessage(role: .assistant, content: nil)
    }
  }
}
