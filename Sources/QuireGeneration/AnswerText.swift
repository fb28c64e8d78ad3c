import QuireText

/// Turns the tokens of one answer into text: bytes to characters, reasoning, content and tool calls apart, nothing
/// of a stop string.
///
/// Stop strings are searched in the content only, not in thoughts and not in the JSON of tool calls; the text of a
/// request without a chat format is all content.
struct AnswerText: Sendable {
  /// What became certain.
  struct Piece: Sendable {
    var parts = AnswerParts()
    /// The stop string that ended the content.
    var match: String?

    static func += (left: inout Piece, right: Piece) {
      left.parts += right.parts
      left.match = left.match ?? right.match
    }
  }

  private var decoder: IncrementalDecoder
  /// `nil` when all text is content.
  private var splitter: AnswerSplitter?
  private var matcher: StopStringMatcher
  /// Parts of the text in work, kept so that a decode step does not allocate.
  private var split: [AnswerPart] = []

  /// Special tokens that do not end the answer leave no text, as in other servers.
  init(tokenizer: Tokenizer, request: GenerationRequest) {
    decoder = IncrementalDecoder(tokenizer, skipSpecial: true)
    splitter = request.chatFormat.map { format in
      format.splitter(
        startsInThinking: format.startsInThinking(request.promptTokens, tokenizer),
        splitsToolCalls: request.splitsToolCalls)
    }
    matcher = StopStringMatcher(request.stopStrings)
    split.reserveCapacity(4)
  }

  /// Whether the text so far ends inside a thought.
  var isThinking: Bool { splitter?.isThinking ?? false }

  mutating func append(_ token: Int32) -> Piece {
    take(decoder.append(token))
  }

  /// The end of the answer: everything held back, unless it completes a stop string.
  mutating func finish() -> Piece {
    var piece = take(decoder.finish())
    if piece.match == nil {
      split.removeAll(keepingCapacity: true)
      splitter?.finish(into: &split)
      piece += searched()
    }
    if piece.match == nil { piece.parts.content += matcher.finish() }
    return piece
  }

  private mutating func take(_ text: String) -> Piece {
    guard !text.isEmpty else { return Piece() }
    split.removeAll(keepingCapacity: true)
    if splitter?.append(text, into: &split) == nil { split.append(.content(text)) }
    return searched()
  }

  /// The parts in work up to a stop string.
  private mutating func searched() -> Piece {
    var piece = Piece()
    for part in split where piece.match == nil {
      switch part {
      case .reasoning(let text): piece.parts.reasoning += text
      case .call(let call): piece.parts.calls.append(call)
      case .content(let text):
        let (released, match) = matcher.append(text)
        piece.parts.content += released
        piece.match = match
      }
    }
    return piece
  }
}
