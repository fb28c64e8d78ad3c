/// Whether added tokens such as `<|im_end|>` are recognized in text.
package enum AddedTokenPolicy: Sendable {
  /// Added tokens in the text become their ids, as Hugging Face's `encode` does.
  case recognized
  /// Special added tokens (`<|im_end|>`) are ordinary text; the others (`<think>`) become their ids. Hugging Face
  /// calls this `encode_special_tokens`. Use ``plainText`` for text from users.
  case specialAsText
  /// No added tokens are recognized.
  case plainText
}

/// A token that is matched as a whole, outside byte-pair encoding.
struct AddedToken: Sendable, Equatable {
  let id: Int
  let content: [UInt8]
  /// Skipped by decoding with `skipSpecial`.
  let isSpecial: Bool
  /// Matched in text after normalization instead of before.
  let isNormalized: Bool
  /// Matched only when no word character is adjacent.
  var isSingleWord = false
  /// The match includes the white space before it.
  var stripsLeft = false
  /// The match includes the white space after it.
  var stripsRight = false
  /// Whether it is part of a chat template's structure.
  var isTemplateControl = false

  /// Whether it is part of the chat format, so that it is not recognized in the text of messages.
  var isControl: Bool { isSpecial || isTemplateControl || ChatFormat.allTags.contains(content) }
}

/// The added tokens that one policy recognizes.
struct AddedTokenSearch: Sendable {
  /// Matched before normalization: all of Qwen3's are.
  let raw: AddedTokenMatcher
  /// Matched in normalized text between the matches of the other group.
  let normalized: AddedTokenMatcher
  /// Whether some of `normalized` are control tokens.
  let normalizesControls: Bool

  static let none = AddedTokenSearch([])

  /// - Parameter normalizes: Whether text is normalized.
  init(_ tokens: [AddedToken], normalizes: Bool = true) {
    let content = { (token: AddedToken) in normalizes ? Self.normalizedContent(token) : token.content }
    let normalized = tokens.filter(\.isNormalized)
    raw = AddedTokenMatcher(tokens.filter { !$0.isNormalized }) { $0.content }
    self.normalized = AddedTokenMatcher(normalized, content: content)
    normalizesControls = normalized.contains(where: \.isControl)
  }

  private static func normalizedContent(_ token: AddedToken) -> [UInt8] {
    token.content.withUnsafeBufferPointer { Normalizer().normalized($0) } ?? token.content
  }
}
