/// What the user says about the chat format of a model, instead of what is found in it.
package struct ChatFormatOverride: Sendable, Equatable {
  package enum Reasoning: Sendable, Equatable {
    /// Answers have no thoughts.
    case none
    case tags(ReasoningTags)

    /// From two tags with a space between them, or the word `none`; nil for another text.
    package init?(_ text: String) {
      if text == "none" {
        self = .none
        return
      }
      let words = text.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
      guard words.count == 2, let tags = ReasoningTags(start: words[0], end: words[1]) else { return nil }
      self = .tags(tags)
    }

    var tags: ReasoningTags? { if case .tags(let tags) = self { tags } else { nil } }
  }

  /// How chats are rendered: one of ``ChatFormat/names``.
  package var name: String?
  package var reasoning: Reasoning?
  package var tools: ToolCallForm?

  package init(name: String? = nil, reasoning: Reasoning? = nil, tools: ToolCallForm? = nil) {
    self.name = name
    self.reasoning = reasoning
    self.tools = tools
  }

  /// Qwen3's format, whatever template the model has.
  package static let qwen3 = ChatFormatOverride(name: ChatFormat.qwen3.name)

  func applied(to form: AnswerForm) -> AnswerForm {
    AnswerForm(
      reasoning: reasoning.map(\.tags) ?? form.reasoning, tools: tools ?? form.tools)
  }
}
