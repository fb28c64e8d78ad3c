/// A rendered chat that records which parts of its text come from the template and which from messages.
package struct ChatPrompt: Sendable, Equatable {
  package struct Piece: Sendable, Equatable {
    package var text: String
    /// Whether the text comes from the template, so that control tokens in it are recognized.
    package var isTemplate: Bool
  }

  /// Not empty; adjacent pieces differ in `isTemplate`.
  package private(set) var pieces: [Piece] = []

  init() {}

  /// The whole prompt.
  package var text: String { pieces.map(\.text).joined() }

  /// The prompt's ids.
  ///
  /// Control tokens (special tokens and the format's tags) are recognized only in text of the template: `<|im_end|>`
  /// in a message is ordinary text. Other added tokens are recognized everywhere.
  ///
  /// - Parameter forgeable: Whether control tokens are recognized in messages too, as in Hugging Face's
  ///   `apply_chat_template`.
  package func tokens(_ tokenizer: Tokenizer, forgeable: Bool = false) -> [Int32] {
    if forgeable { return tokenizer.encode(text) }
    return tokens(tokenizer, recognizing: tokenizer.allAddedTokens)
  }

  /// The prompt's ids, with the control tokens of `search` recognized only in text of the template.
  func tokens(_ tokenizer: Tokenizer, recognizing search: AddedTokenSearch) -> [Int32] {
    var text = self.text
    var ranges: [Range<Int>] = []
    var start = 0
    for piece in pieces {
      let end = start + piece.text.utf8.count
      if piece.isTemplate { ranges.append(start..<end) }
      start = end
    }
    return text.withUTF8 {
      tokenizer.encode($0, recognizing: search, controlRanges: ranges)
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
