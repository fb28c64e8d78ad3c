/// How a text is cut into the token sequences of a perplexity. Figures of different protocols are not comparable.
package enum TextProtocol: Sendable, Equatable {
  /// Every line that is not blank is a document: alone in its context, its first token given, its end marked with
  /// `<|endoftext|>`, which is predicted too.
  case lines
  /// One running text, cut into windows of this many tokens; each is alone in its context, its first token given.
  case windows(tokenCount: Int)

  /// The window length of most published perplexities.
  package static let usualWindow = 2048

  /// A text with a blank line between others is treated as prose; any other is a list of documents.
  package static func detected(in text: [UInt8]) -> TextProtocol {
    let blanks = TextLines(text).lines.map(\.isEmpty)
    let inside = blanks.drop { $0 }.reversed().drop { $0 }
    return inside.contains(true) ? .windows(tokenCount: usualWindow) : .lines
  }
}

/// The lines of a text without their line ends; a line of nothing but white space is empty.
struct TextLines {
  let lines: [ArraySlice<UInt8>]

  init(_ text: [UInt8]) {
    lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      return line.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") } ? [] : line
    }
  }
}
