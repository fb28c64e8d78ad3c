/// A rendered chat that remembers which of its text came from the template and which from people.
package struct ChatPrompt: Sendable, Equatable {
  package struct Piece: Sendable, Equatable {
    package var text: String
    /// Whether added tokens in it are meant as such.
    package var isTemplate: Bool
  }

  /// Not empty; neighbours differ in kind.
  package private(set) var pieces: [Piece] = []

  init() {}

  /// The whole prompt.
  package var text: String { pieces.map(\.text).joined() }

  /// The prompt's ids.
  ///
  /// Control tokens, which are special tokens and the format's tags, count only where the template wrote them:
  /// `<|im_end|>` in a message is text like any other. Words that were added to the vocabulary count everywhere.
  ///
  /// - Parameter forgeable: Whether control tokens count in messages too, as Hugging Face's `apply_chat_template` has
  ///   it.
  package func tokens(_ tokenizer: Tokenizer, forgeable: Bool = false) -> [Int32] {
    var text = self.text
    if forgeable { return tokenizer.encode(text) }
    var ranges: [Range<Int>] = []
    var start = 0
    for piece in pieces {
      let end = start + piece.text.utf8.count
      if piece.isTemplate { ranges.append(start..<end) }
      start = end
    }
    return text.withUTF8 {
      tokenizer.encode($0, recognizing: tokenizer.allAddedTokens, controlRanges: ranges)
    }
  }

  mutating func append(template text: String) { append(text, isTemplate: true) }

  mutating func append(message text: String) { append(text, isTemplate: false) }

  private mutating func append(_ text: String, isTemplate: Bool) {
    if text.isEmpty { return }
    if let last = pieces.indices.last, pieces[last].isTemplate == isTemplate {
      pieces[last].text += text
    } else {
      pieces.append(Piece(text: text, isTemplate: isTemplate))
    }
  }
}
