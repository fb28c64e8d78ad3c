import QuireJSON
import QuireText

/// Reads the `messages` of a chat request. Clients send back messages with members that other servers added, so
/// members that the chat template does not use are allowed. `ChatMessage` lists what is used.
enum MessageFields {
  static let shape: RequestShape = {
    let members: [String: RequestShape] =
      .any([
        "role", "reasoning_content", "reasoning", "thinking", "name", "tool_call_id", "annotations",
        "function_call",
      ]) + [
        "content": .array(of: .members(["type", "text", "refusal", "thinking"])),
        "tool_calls": .array(
          of: .object(
            .any(["id", "type", "index", "name", "arguments"]) + [
              "function": .members(["name", "arguments"])
            ])),
      ]
    let result = RequestShape.object(
      members + ["content": ToolResult.shape(text: ["type", "text", "refusal"])])
    return .array(
      of: .variants(
        by: "role", standard: "", ["tool": result, "function": result], others: .object(members)))
  }()

  static let maximumCount = 16_384

  static func read(_ reader: FieldReader) throws(ServingError) -> [ChatMessage] {
    guard let values = try reader.array("messages", of: "messages", advice: .correct) else {
      throw .rejected(
        .badField("messages", "messages: expected an array of messages, found none; send the conversation"))
    }
    guard !values.isEmpty else {
      throw .rejected(
        .badField("messages", "messages: expected at least one message, found none; send the conversation"))
    }
    guard values.count <= maximumCount else {
      throw .rejected(
        .badField(
          "messages", "messages: expected at most \(maximumCount) messages, found \(values.count); send fewer"
        )
      )
    }
    var messages: [ChatMessage] = []
    for (index, value) in values.enumerated() {
      messages.append(try message(value, index))
    }
    return messages
  }

  private static func message(_ value: JSONValue, _ index: Int) throws(ServingError) -> ChatMessage {
    var message: ChatMessage
    let readable = try readable(value, index)
    do {
      message = try ChatMessage(json: readable, index: index)
    } catch {
      throw .rejected(.badField("messages[\(index)]", "\(error.description); correct it"))
    }
    message.toolCalls = message.toolCalls.map(\.withParsedArguments)
    // An assistant message may have only reasoning or calls, and a tool may return nothing; the template then writes
    // no content. A user or system message without content is a mistake.
    let needsContent = message.role == .user || message.role == .system
    guard message.content != nil || !needsContent else {
      throw .rejected(
        .badField(
          "messages[\(index)].content",
          "messages[\(index)].content: expected a string or an array of text parts, found none; send one"))
    }
    return message
  }

  /// The message without parts that the model cannot read: those of a tool's result become notes, others are refused.
  private static func readable(_ message: JSONValue, _ index: Int) throws(ServingError) -> JSONValue {
    guard var object = message.objectValue, let content = object["content"] else { return message }
    if ["tool", "function"].contains(object["role"]?.stringValue) {
      object["content"] = ToolResult.readable(content)
      return .object(object)
    }
    let fields = FieldReader(object, prefix: "messages[\(index)].")
    let types = ChatMessage.textPartTypes + [ChatMessage.reasoningPartType]
    for (position, part) in (content.arrayValue ?? []).enumerated() {
      guard let type = part["type"]?.stringValue, !types.contains(type) else { continue }
      throw try fields.block(part, "content", position).unreadable(expected: ["text"])
    }
    return message
  }
}
