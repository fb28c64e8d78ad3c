import QuireJSON
import QuireText

/// Reads the `messages` of a chat request. What a message may be is `ChatMessage`'s to say; here it is checked
/// that nothing a client sent is silently lost.
enum MessageFields {
  /// What `ChatMessage` reads, and members of the API that have no place in Qwen3's template.
  private static let known = [
    "role", "content", "reasoning_content", "reasoning", "thinking", "tool_calls",
    "name", "tool_call_id", "id", "refusal", "annotations", "audio",
  ]

  static func read(_ reader: inout FieldReader) throws(ServingError) -> [ChatMessage] {
    guard let values = try reader.array("messages", of: "messages", advice: .correct) else {
      throw .rejected(
        .badField("messages", "'messages' is missing: send the conversation as an array of messages."))
    }
    guard !values.isEmpty else {
      throw .rejected(.badField("messages", "'messages' is empty: send at least one message."))
    }
    var messages: [ChatMessage] = []
    for (index, value) in values.enumerated() {
      messages.append(try message(value, index))
    }
    return messages
  }

  private static func message(_ value: JSONValue, _ index: Int) throws(ServingError) -> ChatMessage {
    var message: ChatMessage
    do {
      message = try ChatMessage(json: value, index: index)
    } catch {
      throw .rejected(.badField("messages[\(index)]", error.description + "."))
    }
    guard message.content != nil || !message.toolCalls.isEmpty else {
      throw .rejected(
        .badField(
          "messages[\(index)].content",
          "'messages[\(index)].content' is missing: send a string or an array of text parts."))
    }
    var fields = FieldReader(value.objectValue ?? [:], prefix: "messages[\(index)].")
    fields.ignore(known)
    try fields.refuseUnknown()
    message.toolCalls = message.toolCalls.map(\.withParsedArguments)
    return message
  }
}
