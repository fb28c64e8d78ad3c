import QuireText

/// Turns the tokens of one answer into text: joins bytes to characters, separates reasoning, content and tool calls,
/// and removes the stop string.
///
/// Stop strings are searched only in the content, not in the reasoning or in the JSON of tool calls. Without a chat
/// format all text is content.
struct AnswerText: Sendable {
  /// Text that is final.
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
  /// Whether stop strings end the answer. They are searched in the text from then on.
  var searchesStops = true
  private let includesStop: Bool
  /// Parts of the current text, stored so that a decode step does not allocate.
  private var split: [AnswerPart] = []

  /// Special tokens that do not end the answer produce no text, as in other servers, unless the request wants it.
  init(tokenizer: Tokenizer, request: GenerationRequest) {
    decoder = IncrementalDecoder(
      tokenizer, skipSpecial: !request.showsSpecialTokens,
      shown: request.chatFormat?.answer.tags(withCalls: request.splitsToolCalls) ?? [])
    includesStop = request.includesStop
    splitter = request.chatFormat.map { format in
      // An answer that its constraint alone decides is returned as it is.
      format.splitter(
        startsInThinking: format.startsInThinking(request.promptTokens, tokenizer),
        mayThink: request.constraint == nil || format.mayOpenThought(request.promptTokens, tokenizer),
        splitsToolCalls: request.splitsToolCalls, types: request.toolTypes)
    }
    matcher = StopStringMatcher(request.stopStrings)
    split.reserveCapacity(4)
  }

  /// Whether the text so far ends inside the reasoning.
  var isThinking: Bool { splitter?.isThinking ?? false }

  /// Whether the reasoning has begun and has no text yet, apart from line feeds.
  var isThoughtEmpty: Bool { splitter?.isThoughtEmpty ?? false }

  /// Whether the tokens so far end with an incomplete character.
  var endsInsideCharacter: Bool { decoder.endsInsideCharacter }

  mutating func append(_ token: Int32) -> Piece {
    take(decoder.append(token))
  }

  /// Ends the answer: returns the text that was held back, up to a stop string that it completes.
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

  /// The current parts up to a stop string.
  private mutating func searched() -> Piece {
    var piece = Piece()
    for part in split where piece.match == nil {
      switch part {
      case .reasoning(let text): piece.parts.reasoning += text
      case .call(let part):
        // Text before a call comes out before it, so no stop string reaches over a call.
        if part.name != nil { piece.parts.content += matcher.finish() }
        piece.parts.add(part)
      case .content(let text) where !searchesStops: piece.parts.content += text
      case .content(let text):
        let (released, match) = matcher.append(text)
        piece.parts.content += released
        piece.match = match
        if includesStop, let match { piece.parts.content += match }
      }
    }
    return piece
  }
}
