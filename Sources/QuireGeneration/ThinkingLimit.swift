package import QuireText

/// How long the thought of an answer may be. A thought that reaches its limit is closed by the engine: the next tokens
/// are those of `closing`, whatever the model prefers. They are tokens of the answer like all others.
package struct ThinkingLimit: Sendable, Equatable {
  /// The thought has at most this many tokens between its opening tag and `closing`; nil for no limit. A character that
  /// is not complete at the limit is completed first, with up to three further tokens.
  package var budget: Int?
  /// The thought is closed early enough that this many tokens are left for the answer, but at most a quarter of the
  /// answer's limit, and only if at least half of that limit is left for the thought.
  package var answerReserve: Int
  package var closing: ThoughtClosing

  package init(budget: Int? = nil, answerReserve: Int = 0, closing: ThoughtClosing) {
    self.budget = budget
    self.answerReserve = answerReserve
    self.closing = closing
  }

  /// Tokens that an incomplete character may still need.
  static let waitMaximum = 3

  /// The number of tokens after which a thought is closed for the answer's sake; nil when it is not.
  ///
  /// - Parameter answerLimit: Most tokens of thought and answer together.
  func lastThoughtCount(answerLimit: Int) -> Int? {
    guard answerReserve > 0 else { return nil }
    let lead = closing.tokens.count + min(answerReserve, answerLimit / 4) + Self.waitMaximum
    return lead <= answerLimit / 2 ? answerLimit - lead : nil
  }
}

/// The tokens with which the engine closes a thought.
package struct ThoughtClosing: Sendable, Equatable {
  /// After a text: the sentence in a paragraph of its own, the closing tag, two line feeds.
  package let tokens: [Int32]
  /// Directly after the opening tag: the same block as in the prompt of the non-thinking mode.
  let tokensAfterTag: [Int32]
  /// After line feeds: only the tag and two line feeds.
  let tokensAfterLineFeeds: [Int32]

  /// Most bytes of a sentence.
  package static let sentenceBytesMaximum = 1024

  /// - Parameter sentence: What is written before the closing tag; empty for nothing, nil for the format's own sentence.
  package init(_ format: ChatFormat, sentence: String? = nil, tokenizer: Tokenizer) {
    func encode(_ text: String) -> [Int32] { tokenizer.encode(text, addedTokens: .plainText) }
    let sentence = sentence ?? format.closingSentence
    let end = format.answer.reasoning?.end ?? ChatFormat.thoughtEnd
    let tag = tokenizer.controlID(of: end).map { [$0] } ?? encode(end)
    let close = tag + encode("\n\n")
    tokens = encode(sentence.isEmpty ? "\n" : "\n\n\(sentence)\n") + close
    tokensAfterTag = encode("\n\n") + close
    tokensAfterLineFeeds = close
  }

  /// The tag in a text that cannot be a sentence, because the tag would end the thought too early; nil for other texts.
  ///
  /// - Parameter tags: Those of the chat format; nil for one without thoughts.
  package static func tag(in text: String, of tags: ReasoningTags?) -> String? {
    [tags?.start, tags?.end].compactMap(\.self).first { text.contains($0) }
  }
}
