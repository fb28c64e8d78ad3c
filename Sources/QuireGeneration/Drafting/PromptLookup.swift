/// Predicts the next tokens of a text from an earlier occurrence of its last tokens in the same text.
///
///     var lookup = PromptLookup(maximumTokens: 4096)
///     lookup.catchUp(with: tokens)                        // prompt and answer so far; then after each token
///     lookup.propose(6, after: tokens, into: &drafts)
///
/// Drafts are copied from the source position: the position whose preceding tokens match the most of the text's last
/// tokens (at least two); among equals the latest. While new tokens agree with the source, it advances with them.
///
/// Source: A. Saxena, Prompt Lookup Decoding, 2023. Instead of searching the text, it uses the index of LZ77
/// compressors: a table maps the hash of two tokens to the position after their latest occurrence, and a chain links
/// each such position to the previous one.
package struct PromptLookup: Sendable {
  /// Longer matches count as this long.
  package static let matchLengthMaximum = 8
  private static let matchLengthMinimum = 2
  /// Maximum number of chain positions compared per token.
  private static let chainLengthMaximum = 64
  private static let headCountMaximum = 1 << 16

  /// Position after the latest pair of tokens with a hash; 0 means empty, since no pair precedes position 0.
  private var heads: [Int32]
  /// For each position the previous one with the same hash, or 0.
  private var previous: [Int32] = [0]
  private var tokenCount = 0
  /// Position of the token after the earlier occurrence.
  package private(set) var source: Int?
  /// Number of tokens before the source that equal the last tokens of the text, up to `matchLengthMaximum`.
  package private(set) var matchLength = 0

  /// Allocates all memory for a text of this many tokens: about 12 bytes per token.
  package init(maximumTokens: Int) {
    var headCount = 64
    while headCount < min(2 * maximumTokens, Self.headCountMaximum) { headCount *= 2 }
    heads = [Int32](repeating: 0, count: headCount)
    previous.reserveCapacity(maximumTokens + 1)
  }

  /// Adds the tokens that the text has gained since the last call.
  package mutating func catchUp(with tokens: [Int32]) {
    precondition(tokens.count >= tokenCount, "a text does not shrink")
    while tokenCount < tokens.count { note(tokens) }
    if matchLength < Self.matchLengthMaximum { search(tokens) }
  }

  /// Appends `count` predicted tokens to `drafts`; none without a source.
  ///
  /// If the source reaches the end of the text, it continues with the drafts themselves: a text that repeated once with
  /// this period is expected to repeat again.
  package func propose(_ count: Int, after tokens: [Int32], into drafts: inout [Int32]) {
    precondition(tokens.count == tokenCount, "the text has changed since it was looked up")
    guard let source else { return }
    let first = drafts.count
    for position in source..<source + count {
      drafts.append(position < tokenCount ? tokens[position] : drafts[first + position - tokenCount])
    }
  }

  /// Adds the token at `tokenCount` to the index.
  private mutating func note(_ tokens: [Int32]) {
    if let followed = source, tokens[followed] == tokens[tokenCount] {
      source = followed + 1
      matchLength = min(matchLength + 1, Self.matchLengthMaximum)
    } else {
      source = nil
      matchLength = 0
    }
    tokenCount += 1
    guard tokenCount >= Self.matchLengthMinimum else { return previous.append(0) }
    let slot = slot(tokens[tokenCount - 2], tokens[tokenCount - 1])
    previous.append(heads[slot])
    heads[slot] = Int32(truncatingIfNeeded: tokenCount)
  }

  /// Moves the source to a position with a longer match, if there is one.
  private mutating func search(_ tokens: [Int32]) {
    var position = Int(previous[tokenCount])
    var placeCount = 0
    while position > 0, placeCount < Self.chainLengthMaximum, matchLength < Self.matchLengthMaximum {
      let length = commonLength(before: position, in: tokens)
      if length >= Self.matchLengthMinimum && length > matchLength {
        (source, matchLength) = (position, length)
      }
      position = Int(previous[position])
      placeCount += 1
    }
  }

  /// The number of tokens before a position that equal the last tokens of the text.
  private func commonLength(before position: Int, in tokens: [Int32]) -> Int {
    let most = min(position, Self.matchLengthMaximum)
    var length = 0
    while length < most, tokens[position - 1 - length] == tokens[tokenCount - 1 - length] { length += 1 }
    return length
  }

  private func slot(_ first: Int32, _ second: Int32) -> Int {
    let pair = UInt64(UInt32(bitPattern: first)) << 32 | UInt64(UInt32(bitPattern: second))
    let hash = pair &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: hash >> 40) & (heads.count - 1)
  }
}
