/// A tiny Qwen3 that says exactly what a test wants: its layers add nothing, and its lm_head maps each token to one
/// next token. It holds in every storage scheme, greedy or sampled at usual temperatures.
///
///     DictatingCheckpoint(thinking: "Hm.</think>\n\nYes.", nonThinking: "No.").write(to: folder)
///
/// An answer follows from the prompt's last token alone: a line feed after the template's `assistant`, two after
/// the closed think block. The text is cut into tokens that occur once each; Qwen3's tags are their own tokens the
/// first time, and cut in two after that.
package struct DictatingCheckpoint: Sendable {
  /// The layers and tokens; the text's own tokens are added to its vocabulary.
  package var base: TinyCheckpoint
  private var pieces = DictationPieces()
  /// The token that follows each token of the answers and each prompt's end.
  private var successors: [Int: Int] = [:]

  /// - Parameters:
  ///   - thinking: The answer to a prompt in thinking mode, from its `<think>` on.
  ///   - nonThinking: The answer in non-thinking mode.
  ///   - replies: Further answers, by the last token of the prompt: a printable ASCII character.
  ///   - isEndless: Whether an answer begins again at its end; then it has no end of its own.
  package init(
    thinking: String = "", nonThinking: String = "", replies: [String: String] = [:], isEndless: Bool = false
  ) {
    base = TinyCheckpoint(
      hiddenSize: 256, intermediateSize: 128, layerCount: 1)
    base.maximumPositions = 4096
    var all = replies
    all["\n"] = thinking
    all["\n\n"] = nonThinking
    for (end, _) in all { pieces.reserve(end) }
    for (end, text) in all.sorted(by: { $0.key < $1.key }) {
      var token = pieces.reserve(end)
      let answer = pieces.cut(text)
      for piece in answer {
        successors[token] = piece
        token = piece
      }
      successors[token] = isEndless ? answer.first ?? TinyTokenizer.endOfTurn : TinyTokenizer.endOfTurn
    }
    base.vocabularySize = (TinyTokenizer.vocabularySize + pieces.extraTokens.count + 31) / 32 * 32
  }

  /// Writes all files into `folder`.
  package func write(to folder: TemporaryFolder) {
    base.write(to: folder, extraTokens: pieces.extraTokens) { values(of: $0, shape: $1) }
  }

  private func values(of name: String, shape: [Int]) -> [Float] {
    if name.contains("norm") { return [Float](repeating: 1, count: shape[0]) }
    if name.hasSuffix("o_proj.weight") || name.hasSuffix("down_proj.weight") {
      return [Float](repeating: 0, count: shape[0] * shape[1])
    }
    if name.contains("embed_tokens") { return (0..<shape[0]).flatMap { Self.row($0, shape[1]) } }
    if name.contains("lm_head") { return headRows(shape) }
    return base.values(of: name, shape: shape)
  }

  /// A token's row is the sum of the embeddings that it follows: its logit is then far above all others.
  private func headRows(_ shape: [Int]) -> [Float] {
    var rows = [Float](repeating: 0, count: shape[0] * shape[1])
    for (token, successor) in successors {
      for (column, value) in Self.row(token, shape[1]).enumerated() {
        rows[successor * shape[1] + column] += value / 4
      }
    }
    return rows
  }

  /// An embedding of ±1: those of two tokens are nearly orthogonal.
  private static func row(_ token: Int, _ width: Int) -> [Float] {
    var generator = SeededGenerator(seed: UInt64(token) &* 0x9E37_79B9_7F4A_7C15 &+ 1)
    return (0..<width).map { _ in generator.next() >> 40 & 1 == 0 ? 1 : -1 }
  }
}

/// Cuts texts into tokens so that none occurs twice.
private struct DictationPieces: Sendable {
  /// Tokens to add to the vocabulary, in order of id.
  private(set) var extraTokens: [String] = []
  private var usedIDs: Set<Int> = []

  /// Keeps a token of the vocabulary out of the texts; returns its id.
  @discardableResult
  mutating func reserve(_ text: String) -> Int {
    guard let id = TinyTokenizer.id(of: text) else { preconditionFailure("\(text) is no token") }
    usedIDs.insert(id)
    return id
  }

  /// The ids of a text's tokens.
  mutating func cut(_ text: String) -> [Int] {
    guard let ids = cut(text[...]) else { preconditionFailure("cannot cut \(text) into different tokens") }
    return ids
  }

  /// Tries usual lengths first, and others where a rest could not be cut.
  private mutating func cut(_ rest: Substring) -> [Int]? {
    if rest.isEmpty { return [] }
    for length in [unusedTagLength(at: rest), 4, 5, 3, 6, 7, 2, 1] + Array(8..<40)
    where 1...rest.count ~= length && !entersUnusedTag(rest, length) {
      let before = self
      if let id = take(String(rest.prefix(length))), let ids = cut(rest.dropFirst(length)) {
        return [id] + ids
      }
      self = before
    }
    return nil
  }

  /// The length of a tag that the text starts with and that can be a token of its own; otherwise 0.
  private func unusedTagLength(at rest: Substring) -> Int {
    let tag = TinyTokenizer.tags.first { rest.hasPrefix($0) }
    return tag.flatMap(TinyTokenizer.id(of:)).map(usedIDs.contains) == false ? tag?.count ?? 0 : 0
  }

  /// Whether a first piece of this length would reach into a tag that can be a token of its own.
  private func entersUnusedTag(_ rest: Substring, _ length: Int) -> Bool {
    (1..<length).contains { unusedTagLength(at: rest.dropFirst($0)) > 0 }
  }

  private mutating func take(_ piece: String) -> Int? {
    if let id = TinyTokenizer.id(of: piece) { return usedIDs.insert(id).inserted ? id : nil }
    if extraTokens.contains(piece) { return nil }
    extraTokens.append(piece)
    return TinyTokenizer.vocabularySize + extraTokens.count - 1
  }
}
