/// Whether text can yield added tokens such as `<|im_end|>`.
package enum AddedTokenPolicy: Sendable {
  /// Added tokens in the text become their ids, as Hugging Face's `encode` does.
  case recognized
  /// Special added tokens (`<|im_end|>`) are text like any other, the rest (`<think>`) become their ids: what Hugging
  /// Face calls `encode_special_tokens`. Text from people wants ``plainText``.
  case specialAsText
  /// The text is only text: no spelling of it yields an added token.
  case plainText
}

/// A token that stands outside byte-pair encoding.
struct AddedToken: Sendable, Equatable {
  let id: Int
  let content: [UInt8]
  /// Left out by decoding when special tokens are skipped.
  let isSpecial: Bool
  /// Matched in text after normalisation instead of before.
  let isNormalized: Bool
}

/// Finds added tokens in text: the leftmost, and of those that start together the longest.
struct AddedTokenMatcher: Sendable {
  private let tokens: [(content: [UInt8], id: Int32)]
  /// Indices into `tokens` by first byte, longest token first.
  private let candidates: [[Int]]  // (256)

  /// Contents must not be empty.
  init(_ tokens: [(content: [UInt8], id: Int32)]) {
    self.tokens = tokens
    var candidates = [[Int]](repeating: [], count: 256)
    for (index, token) in tokens.enumerated() { candidates[Int(token.content[0])].append(index) }
    self.candidates = candidates.map { indices in
      indices.sorted { tokens[$0].content.count > tokens[$1].content.count }
    }
  }

  var isEmpty: Bool { tokens.isEmpty }

  /// The first added token that lies in `range` of `bytes`.
  func firstMatch(in bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> (
    range: Range<Int>, id: Int32
  )? {
    if tokens.isEmpty { return nil }
    return candidates.withUnsafeBufferPointer { candidates in
      for start in range where !candidates[Int(bytes[start])].isEmpty {
        for index in candidates[Int(bytes[start])] {
          let content = tokens[index].content
          guard content.count <= range.upperBound - start else { continue }
          if content.elementsEqual(bytes[start..<start + content.count]) {
            return (start..<start + content.count, tokens[index].id)
          }
        }
      }
      return nil
    }
  }
}

/// The added tokens that one policy recognises.
struct AddedTokenSearch: Sendable {
  /// Matched before normalisation: all of Qwen3's are.
  let raw: AddedTokenMatcher
  /// Matched in normalised text between those.
  let normalized: AddedTokenMatcher

  init(_ tokens: [AddedToken]) {
    raw = AddedTokenMatcher(tokens.filter { !$0.isNormalized }.map { ($0.content, Int32($0.id)) })
    normalized = AddedTokenMatcher(
      tokens.filter(\.isNormalized).map { token in
        (
          token.content.withUnsafeBufferPointer { Normalizer().normalized($0) } ?? token.content,
          Int32(token.id)
        )
      })
  }
}
