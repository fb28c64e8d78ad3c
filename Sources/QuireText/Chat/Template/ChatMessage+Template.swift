import QuireJSON

extension ChatMessage {
  /// The message as a template reads it.
  var templateJSON: JSONValue {
    var members: JSONObject = ["role": .string(role.rawValue)]
    if let content { members["content"] = .string(content) }
    if let reasoningContent { members["reasoning_content"] = .string(reasoningContent) }
    if !toolCalls.isEmpty { members["tool_calls"] = .array(toolCalls.map(\.templateJSON)) }
    return .object(members)
  }
}

extension ChatToolCall {
  /// Templates expect arguments as an object, whereas clients send its JSON text. Other text stays text.
  fileprivate var templateJSON: JSONValue {
    ["type": "function", "function": ["name": .string(name), "arguments": withParsedArguments.arguments]]
  }
}
