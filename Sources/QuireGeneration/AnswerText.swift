import QuireText

/// Turns the tokens of one answer into text: bytes to characters, reasoning apart from content, nothing of a
/// stop string.
///
/// Stop strings are searched in the content only; a request that does not split thinking has content only.
struct AnswerText: Sendable {
  /// Text that became certain.
  struct Piece: Sendable {
    var reasoning = ""
    var content = ""
    /// The stop string that ended the content.
    var match: String?

    static func += (left: inout Piece, right: Piece) {
      left.reasoning += right.reasoning
      left.content += right.content
      left.match = left.match ?? right.match
    }
  }

  private var decoder: IncrementalDecoder
  /// `nil` when all text is content.
  private var splitter: ThinkingSplitter?
  private var matcher: StopStringMatcher

  /// Special tokens that do not end the answer leave no text, as in other servers.
  init(tokenizer: Tokenizer, request: GenerationRequest) {
    decoder = IncrementalDecoder(tokenizer, skipSpecial: true)
    splitter =
      request.splitsThinking
      ? ThinkingSplitter(startsInThinking: tokenizer.startsInThinking(request.promptTokens)) : nil
    matcher = StopStringMatcher(request.stopStrings)
  }

  /// Whether the text so far ends inside a thought.
  var isThinking: Bool { splitter?.isThinking ?? false }

  mutating func append(_ token: Int32) -> Piece {
    take(decoder.append(token))
  }

  /// The end of the answer: everything held back, unless it completes a stop string.
  mutating func finish() -> Piece {
    var piece = take(decoder.finish())
    if piece.match == nil, let rest = splitter?.finish() {
      piece.reasoning += rest.reasoning
      let (released, match) = matcher.append(rest.content)
      piece.content += released
      piece.match = match
    }
    piece.content += matcher.finish()
    return piece
  }

  private mutating func take(_ text: String) -> Piece {
    guard !text.isEmpty else { return Piece() }
    let split = splitter?.append(text) ?? (reasoning: "", content: text)
    let (released, match) = matcher.append(split.content)
    return Piece(reasoning: split.reasoning, content: released, match: match)
  }
}
