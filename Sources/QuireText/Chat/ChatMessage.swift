package import QuireJSON

/// A call of a tool in an assistant's message.
package struct ChatToolCall: Sendable, Equatable {
  package var name: String
  /// A string is put into the prompt unchanged; any other value as JSON.
  package var arguments: JSONValue
  /// The id by which the tool's result names the call. Qwen3's templates have none.
  package var id: String?

  package init(name: String, arguments: JSONValue, id: String? = nil) {
    self.name = name
    self.arguments = arguments
    self.id = id
  }

  /// The arguments as text: a string unchanged, other values as JSON with the spacing that the model was trained on.
  package var argumentsText: String { arguments.stringValue ?? arguments.serialized(style: .python) }
}

/// One message of a chat, with the members that templates read.
package struct ChatMessage: Sendable, Equatable {
  package enum Role: String, Sendable, CaseIterable {
    case system, user, assistant, tool
  }

  package var role: Role
  /// Nil where there is none, which renders as empty text.
  package var content: String?
  /// The text parts of content that was given as a list. Templates that read lists get them; other formats get
  /// `content`, which joins them.
  package var parts: [String]?
  /// An assistant's reasoning, when it is given separately from the content.
  package var reasoningContent: String?
  package var toolCalls: [ChatToolCall]
  /// Whether the system's message was called a developer's, which some templates tell apart.
  package var isDeveloper = false
  /// The call that a tool's message answers, and the name of the tool or of the speaker. Qwen3's templates read neither.
  package var toolCallID: String?
  package var name: String?

  package init(
    role: Role, content: String?, reasoningContent: String? = nil, toolCalls: [ChatToolCall] = []
  ) {
    self.role = role
    self.content = content
    self.reasoningContent = reasoningContent
    self.toolCalls = toolCalls
  }
}
