import QuireGeneration
package import QuireText

/// How chats think when they do not say it themselves.
package struct ThinkingDefaults: Sendable, Equatable {
  package var mode: ThinkingMode
  /// Most tokens of reasoning; nil for no limit.
  package var budget: Int?
  /// Tokens of an answer's limit that are kept for the answer after the reasoning, also when a chat has a budget.
  package var answerReserve: Int
  /// What is written before the closing tag when the reasoning is ended early; nil for the chat format's own sentence.
  package var closingSentence: String?

  /// Enough for a short answer.
  package static let standardAnswerReserve = 256

  package init(
    mode: ThinkingMode = .thinking, budget: Int? = nil, answerReserve: Int = standardAnswerReserve,
    closingSentence: String? = nil
  ) {
    self.mode = mode
    self.budget = budget
    self.answerReserve = answerReserve
    self.closingSentence = closingSentence
  }

  /// Throws for the first value that is out of range.
  func check() throws(ServingError) {
    for (name, value) in [("thinking.budget", budget ?? 0), ("thinking.answerReserve", answerReserve)]
    where value < 0 {
      throw .invalidOption(name: name, sentence: "\(name) must be 0 or more, but is \(value).")
    }
    if let closingSentence, !ThoughtClosing.isSentence(closingSentence) {
      throw .invalidOption(
        name: "thinking.closingSentence",
        sentence:
          "expected at most \(ThoughtClosing.sentenceBytesMaximum) bytes without a think tag, found another text; "
          + "correct --thinking-close-message")
    }
  }
}
