/// A document of a calibration text, or a part of one.
struct CalibrationDocument: Sendable, Equatable {
  /// Not empty.
  let tokens: [Int32]
  /// The tokens at the start that precede the last answer of a chat; 0 for plain text.
  let promptCount: Int

  init(tokens: [Int32], promptCount: Int = 0) {
    self.tokens = tokens
    self.promptCount = min(promptCount, tokens.count)
  }

  /// A chat whose tokens begin like the prompt that asks for its last answer.
  init(chat tokens: [Int32], prompt: [Int32]) {
    self.init(tokens: tokens, promptCount: zip(tokens, prompt).prefix { $0 == $1 }.count)
  }

  /// The tokens of a range, as a document of its own.
  func part(_ range: Range<Int>) -> Self {
    Self(tokens: Array(tokens[range]), promptCount: max(0, promptCount - range.lowerBound))
  }
}
