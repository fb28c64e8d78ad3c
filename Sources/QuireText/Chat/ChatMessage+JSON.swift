package import QuireJSON

extension ChatMessage {
  /// From an element of OpenAI's `messages`.
  ///
  /// Content may be a text, null, or a list of text parts, which are joined by line feeds. `developer` is read as
  /// `system`. Thoughts may be called `reasoning_content`, `thinking` or `reasoning`.
  ///
  /// - Parameters:
  ///   - index: Its place in the list, for the error's sentence.
  ///   - joinsParts: Off, content that is no text counts as none, as Qwen3's own template takes it.
  package init(json: JSONValue, index: Int, joinsParts: Bool = true) throws(TextError) {
    guard json.objectValue != nil else {
      throw .message(index: index, expected: "an object with role and content", found: json.kindDescription)
    }
    role = try Self.role(json["role"], index)
    content = joinsParts ? try Self.content(json["content"], index) : json["content"]?.stringValue
    reasoningContent = try Self.reasoning(json, index)
    toolCalls = []
    if let calls = json["tool_calls"], !calls.isNull {
      guard let calls = calls.arrayValue else {
        throw .message(index: index, expected: "an array in tool_calls", found: calls.kindDescription)
      }
      for (place, call) in calls.enumerated() {
        toolCalls.append(try Self.toolCall(call, index, "tool_calls[\(place)]"))
      }
    }
  }

  /// From OpenAI's `messages`, which must be a non-empty array.
  package static func list(json: JSONValue, joinsParts: Bool = true) throws(TextError) -> [ChatMessage] {
    guard let elements = json.arrayValue else {
      throw .chat(expected: "an array", found: json.kindDescription)
    }
    guard !elements.isEmpty else { throw .chat(expected: "at least one message", found: "none") }
    var messages: [ChatMessage] = []
    for (index, element) in elements.enumerated() {
      messages.append(try ChatMessage(json: element, index: index, joinsParts: joinsParts))
    }
    return messages
  }

  private static func role(_ json: JSONValue?, _ index: Int) throws(TextError) -> Role {
    let expected = "a role that is system, developer, user, assistant or tool"
    guard let text = json?.stringValue else {
      throw .message(index: index, expected: expected, found: json?.kindDescription ?? "none")
    }
    if text == "developer" { return .system }
    guard let role = Role(rawValue: text) else {
      throw .message(index: index, expected: expected, found: "\"\(text.prefix(40))\"")
    }
    return role
  }

  private static func content(_ json: JSONValue?, _ index: Int) throws(TextError) -> String? {
    guard let json, !json.isNull else { return nil }
    if let text = json.stringValue { return text }
    guard let parts = json.arrayValue else {
      throw .message(
        index: index, expected: "content that is a text or an array of text parts",
        found: json.kindDescription)
    }
    var texts: [String] = []
    for (place, part) in parts.enumerated() {
      guard part["type"]?.stringValue == "text", let text = part["text"]?.stringValue else {
        let found =
          part["type"]?.stringValue.map { "a part of type \"\($0.prefix(40))\"" } ?? part.kindDescription
        throw .message(index: index, expected: "a text part in content[\(place)]", found: found)
      }
      texts.append(text)
    }
    return texts.joined(separator: "\n")
  }

  private static func reasoning(_ json: JSONValue, _ index: Int) throws(TextError) -> String? {
    for name in ["reasoning_content", "thinking", "reasoning"] {
      guard let value = json[name], !value.isNull else { continue }
      guard let text = value.stringValue else {
        throw .message(index: index, expected: "a text in \(name)", found: value.kindDescription)
      }
      return text
    }
    return nil
  }

  private static func toolCall(_ json: JSONValue, _ index: Int, _ name: String) throws(TextError)
    -> ChatToolCall
  {
    let call = json["function"] ?? json
    guard let function = call["name"]?.stringValue else {
      throw .message(
        index: index, expected: "the function's name in \(name)",
        found: call["name"]?.kindDescription ?? "none")
    }
    let arguments = call["arguments"] ?? .object([:])
    switch arguments {
    case .string, .object: return ChatToolCall(name: function, arguments: arguments)
    default:
      throw .message(
        index: index, expected: "an object or its JSON text as arguments in \(name)",
        found: arguments.kindDescription)
    }
  }
}
