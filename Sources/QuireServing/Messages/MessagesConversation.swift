import QuireJSON
import QuireText

/// Reads the `messages` of Anthropic's Messages API. A user message can become several messages: its tool results are
/// messages of their own.
enum MessagesConversation {
  /// A string or blocks of text.
  static let textShape = RequestShape.array(of: .members(["type", "text", "cache_control"]))

  static let shape = RequestShape.array(
    of: .object([
      "role": .any,
      "content": .array(
        of: .object(
          .any([
            "type", "text", "thinking", "signature", "data", "id", "name", "input", "tool_use_id", "is_error",
            "cache_control",
          ]) + ["content": ToolResult.shape(text: ["type", "text", "refusal", "cache_control"])])),
    ]))

  /// The messages, and whether the answer continues the last one, which is then the assistant's.
  static func read(
    _ reader: FieldReader
  ) throws(ServingError) -> (messages: [ChatMessage], continuesLast: Bool) {
    let values = try reader.array("messages", of: "messages", advice: .correct) ?? []
    guard !values.isEmpty else {
      throw .rejected(
        .badField("messages", "messages: expected at least one message, found none; send the conversation"))
    }
    var messages: [ChatMessage] = []
    for (index, value) in values.enumerated() {
      guard let object = value.objectValue else {
        throw reader.wrong("messages[\(index)]", expected: "an object", found: value, advice: .correct)
      }
      messages += try read(message: FieldReader(object, prefix: "messages[\(index)]."))
    }
    let continuesLast = messages.last?.role == .assistant
    if let last = messages.last, continuesLast,
      last.content == nil || last.onlyReasons || !last.toolCalls.isEmpty
    {
      let field = "messages[\(values.count - 1)]"
      throw .rejected(
        .badField(
          field,
          "\(field): expected a user message with the results after calls, or text to continue, found neither; add "
            + "what the model should answer"))
    }
    return (messages, continuesLast)
  }

  private static func read(message: FieldReader) throws(ServingError) -> [ChatMessage] {
    switch try message.string("role") {
    case "user": return try user(message)
    case "assistant": return [try assistant(message)]
    case "system":
      guard let text = try TextBlocks.read(message, "content", types: ["text"]) else {
        throw missing(message, found: "none")
      }
      return [ChatMessage(role: .system, content: text)]
    default:
      throw message.wrong(
        "role", expected: "one of user, assistant, system", found: message.value("role") ?? .null,
        advice: .correct)
    }
  }

  private static func missing(_ message: FieldReader, found: String) -> ServingError {
    .rejected(
      .badField(
        message.prefix + "content",
        "\(message.prefix)content: expected a string or an array of blocks, found \(found); send one"))
  }

  /// The blocks of a content; a string counts as one block of text.
  private static func blocks(_ message: FieldReader) throws(ServingError) -> [TypedBlock] {
    guard let value = message.value("content") else { throw missing(message, found: "none") }
    if let text = value.stringValue {
      return [
        TypedBlock(
          type: "text", fields: FieldReader(["text": .string(text)], prefix: message.prefix + "content."))
      ]
    }
    guard let values = value.arrayValue else {
      throw message.wrong(
        "content", expected: "a string or an array of blocks", found: value, advice: .correct)
    }
    var blocks: [TypedBlock] = []
    for (index, value) in values.enumerated() {
      blocks.append(try message.block(value, "content", index))
    }
    return blocks
  }

  private static func user(_ message: FieldReader) throws(ServingError) -> [ChatMessage] {
    var messages: [ChatMessage] = []
    var texts: [String] = []
    func endText() {
      if !texts.isEmpty {
        messages.append(ChatMessage(role: .user, content: texts.joined(separator: "\n")))
      }
      texts = []
    }
    let blocks = try blocks(message)
    guard !blocks.isEmpty else { throw missing(message, found: "an empty array") }
    for block in blocks {
      switch block.type {
      case "text": texts.append(try block.text())
      case "tool_result":
        endText()
        messages.append(try result(block.fields))
      default: throw block.unreadable(expected: ["text", "tool_result"])
      }
    }
    endText()
    return messages
  }

  /// The template has no mark for errors, so the text says that it is one.
  private static func result(_ block: FieldReader) throws(ServingError) -> ChatMessage {
    let text = try ToolResult.text(block, "content") ?? ""
    let isError = try block.bool("is_error") ?? false
    var message = ChatMessage(role: .tool, content: isError ? "Error: " + text : text)
    message.toolCallID = try block.string("tool_use_id")
    return message
  }

  /// Without blocks it is an empty turn, as an answer without any text is.
  private static func assistant(_ message: FieldReader) throws(ServingError) -> ChatMessage {
    var texts: [String] = []
    var thoughts: [String] = []
    var calls: [ChatToolCall] = []
    for block in try blocks(message) {
      switch block.type {
      case "text": texts.append(try block.text())
      case "thinking": thoughts.append(try block.required("thinking"))
      // Encrypted by the server that wrote it.
      case "redacted_thinking": break
      case "tool_use":
        let input = try block.fields.object("input")?.object ?? [:]
        calls.append(
          ChatToolCall(
            name: try ToolDefinition.name(block.fields), arguments: .object(input),
            id: block.fields.value("id")?.stringValue))
      default:
        throw block.unreadable(expected: ["text", "thinking", "redacted_thinking", "tool_use"])
      }
    }
    return ChatMessage(
      role: .assistant, content: texts.isEmpty ? nil : texts.joined(separator: "\n"),
      reasoningContent: thoughts.isEmpty ? nil : thoughts.joined(separator: "\n"), toolCalls: calls)
  }
}
