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
  /// Matched only where no word character stands next to it.
  var isSingleWord = false
  /// Takes the white space before it along.
  var stripsLeft = false
  /// Takes the white space after it along.
  var stripsRight = false

  /// Whether it belongs to the structure of a chat, so that text of messages must not yield it.
  var isControl: Bool { isSpecial || ChatFormat.allTags.contains(content) }
}

/// The added tokens that one policy recognises.
struct AddedTokenSearch: Sendable {
  /// Matched before normalisation: all of Qwen3's are.
  let raw: AddedTokenMatcher
  /// Matched in normalised text between those.
  let normalized: AddedTokenMatcher
  /// Those of `normalized` that messages may yield.
  let normalizedWords: AddedTokenMatcher

  static let none = AddedTokenSearch([])

  init(_ tokens: [AddedToken]) {
    let normalized = tokens.filter(\.isNormalized)
    raw = AddedTokenMatcher(tokens.filter { !$0.isNormalized }) { $0.content }
    self.normalized = AddedTokenMatcher(normalized, content: Self.normalizedContent)
    normalizedWords = AddedTokenMatcher(normalized.filter { !$0.isControl }, content: Self.normalizedContent)
  }

  private static func normalizedContent(_ token: AddedToken) -> [UInt8] {
    token.content.withUnsafeBufferPointer { Normalizer().normalized($0) } ?? token.content
  }
}
