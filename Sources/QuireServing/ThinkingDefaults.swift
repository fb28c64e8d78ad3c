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
  ///
  /// - Parameter format: The model's chat format, whose tags must not be in the closing sentence; nil before the model is
  ///   opened.
  package func check(_ format: ChatFormat?) throws(ServingError) {
    for (name, value) in [("thinking.budget", budget ?? 0), ("thinking.answerReserve", answerReserve)]
    where value < 0 {
      throw .invalidOption(name: name, sentence: "expected \(name) of 0 or more, found \(value); change it")
    }
    guard let closingSentence else { return }
    let tags = format?.answer.reasoning
    if let tag = ThoughtClosing.tag(in: closingSentence, of: tags) {
      throw Self.wrongSentence("a text without \(tags?.start ?? "") and \(tags?.end ?? "")", "\(tag) in it")
    }
    let (most, count) = (ThoughtClosing.sentenceBytesMaximum, closingSentence.utf8.count)
    if count > most { throw Self.wrongSentence("at most \(most) bytes", "\(count)") }
  }

  private static func wrongSentence(_ expected: String, _ found: String) -> ServingError {
    .invalidOption(
      name: "thinking.closingSentence",
      sentence: "expected \(expected), found \(found); correct --thinking-close-message")
  }
}
