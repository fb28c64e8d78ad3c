import QuireJSON
import QuireText

/// The conversation of a request and how it becomes a prompt.
struct ChatPromptFields: Sendable {
  let messages: [ChatMessage]
  let tools: [JSONValue]
  let mode: ThinkingMode
  /// Whether the prompt ends with the beginning of an assistant's turn.
  let addsGenerationPrompt: Bool
  /// Whether the last message is an answer to be continued.
  let continuesFinalMessage: Bool

  init(_ reader: inout FieldReader) throws(ServingError) {
    messages = try MessageFields.read(&reader)
    tools = try ToolFields.read(&reader)
    mode = try ThinkingFields.read(&reader)
    continuesFinalMessage = try reader.bool("continue_final_message") ?? false
    addsGenerationPrompt = try reader.bool("add_generation_prompt") ?? !continuesFinalMessage
    try Self.check(messages, continues: continuesFinalMessage, adds: addsGenerationPrompt)
  }

  /// The prompt's tokens. Text of messages never becomes a special token, whatever it says.
  func tokens(_ tokenizer: Tokenizer) throws(ServingError) -> [Int32] {
    do {
      return try ChatTemplate.render(
        messages: messages, tools: tools, mode: mode, addGenerationPrompt: addsGenerationPrompt,
        continueFinalMessage: continuesFinalMessage
      ).tokens(tokenizer)
    } catch {
      throw .rejected(.badField("messages", error.description + "."))
    }
  }

  private static func check(_ messages: [ChatMessage], continues: Bool, adds: Bool) throws(ServingError) {
    guard continues else { return }
    if adds {
      throw .rejected(
        .badField(
          "continue_final_message",
          "'continue_final_message' and 'add_generation_prompt' are both true, but a message is either continued "
            + "or followed by a new one: send one of them."))
    }
    if let role = messages.last?.role, role != .assistant {
      throw .rejected(
        .badField(
          "continue_final_message",
          "'continue_final_message' needs the last message to be the assistant's, but it is of role \"\(role.rawValue)\": "
            + "add the beginning of an answer."))
    }
  }
}
