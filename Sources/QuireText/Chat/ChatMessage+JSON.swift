package import QuireJSON

extension ChatMessage {
  /// From an element of OpenAI's `messages`.
  ///
  /// Content may be a text, null, or a list of text parts, which are kept and joined by line feeds. `developer` is read
  /// as `system`, with a note of it, and `function` as `tool`. Reasoning may be called `reasoning_content`, `thinking` or `reasoning`, or be a
  /// part of the content; a value that is not text counts as absent, as in the template. The older `function_call` is
  /// read like an element of `tool_calls`. Any other member has no effect.
  ///
  /// - Parameters:
  ///   - index: Its index in the list, for the error message.
  ///   - joinsParts: If false, content that is not a text counts as absent, as in Qwen3's own template. Other templates
  ///     get its parts.
  package init(json: JSONValue, index: Int, joinsParts: Bool = true) throws(TextError) {
    guard json.objectValue != nil else {
      throw .message(index: index, expected: "an object with role and content", found: json.kindDescription)
    }
    role = try Self.role(json["role"], index)
    content = json["content"]?.stringValue
    if content == nil {
      parts = joinsParts ? try Self.parts(json["content"], index) : try? Self.parts(json["content"], index)
      if joinsParts { content = parts?.joined(separator: "\n") }
    }
    reasoningContent = Self.reasoning(json) ?? (joinsParts ? Self.reasoningParts(json["content"]) : nil)
    toolCalls = []
    isDeveloper = json["role"]?.stringValue == "developer"
    toolCallID = json["tool_call_id"]?.stringValue
    name = json["name"]?.stringValue
    if let calls = json["tool_calls"], !calls.isNull {
      guard let calls = calls.arrayValue else {
        throw .message(index: index, expected: "an array in tool_calls", found: calls.kindDescription)
      }
      for (position, call) in calls.enumerated() {
        toolCalls.append(try Self.toolCall(call, index, "tool_calls[\(position)]"))
      }
    }
    if toolCalls.isEmpty, let call = json["function_call"], !call.isNull {
      toolCalls = [try Self.toolCall(call, index, "function_call")]
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
    switch text {
    case "developer": return .system
    case "function": return .tool
    default: break
    }
    guard let role = Role(rawValue: text) else {
      throw .message(index: index, expected: expected, found: quoted(text))
    }
    return role
  }

  /// The text parts of content that is no text.
  private static func parts(_ json: JSONValue?, _ index: Int) throws(TextError) -> [String]? {
    guard let json, !json.isNull else { return nil }
    guard let parts = json.arrayValue else {
      throw .message(
        index: index, expected: "content that is a text or an array of text parts",
        found: json.kindDescription)
    }
    var texts: [String] = []
    for (position, part) in parts.enumerated() where reasoningPart(part) == nil {
      guard let text = textPart(part) else {
        let found = part["type"]?.stringValue.map { "a part of type \(quoted($0))" } ?? part.kindDescription
        throw .message(index: index, expected: "a text part in content[\(position)]", found: found)
      }
      texts.append(text)
    }
    return texts
  }

  private static let refusalPartType = "refusal"
  /// The types that clients use for parts with text.
  package static let textPartTypes = ["text", "input_text", "output_text", refusalPartType]
  package static let reasoningPartType = "thinking"

  /// The text of a content part: a string, or an object of one of the types with text.
  private static func textPart(_ part: JSONValue) -> String? {
    if let text = part.stringValue { return text }
    guard let type = part["type"]?.stringValue, textPartTypes.contains(type) else { return nil }
    return part[type == refusalPartType ? type : "text"]?.stringValue
  }

  private static func reasoningPart(_ part: JSONValue) -> String? {
    part["type"]?.stringValue == reasoningPartType ? part["thinking"]?.stringValue : nil
  }

  private static func reasoningParts(_ content: JSONValue?) -> String? {
    let texts = content?.arrayValue?.compactMap(reasoningPart) ?? []
    return texts.isEmpty ? nil : texts.joined(separator: "\n")
  }

  private static func reasoning(_ json: JSONValue) -> String? {
    for name in ["reasoning_content", "thinking", "reasoning"] {
      if let text = json[name]?.stringValue { return text }
    }
    return nil
  }

  /// The beginning of a client's text in quotes. Cut by scalars, because a character may have any number of them.
  private static func quoted(_ text: String) -> String {
    JSONValue.string(String(String.UnicodeScalarView(text.unicodeScalars.prefix(40)))).serialized()
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
    case .string, .object, .null:
      return ChatToolCall(name: function, arguments: arguments, id: json["id"]?.stringValue)
    default:
      throw .message(
        index: index, expected: "an object or its JSON text as arguments in \(name)",
        found: arguments.kindDescription)
    }
  }
}
