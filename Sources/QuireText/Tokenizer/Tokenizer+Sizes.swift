extension Tokenizer {
  /// What a tokenizer holds, in numbers.
  package struct Sizes: Sendable, Equatable {
    /// Ids that a token has, added tokens included. Smaller than `vocabularySize` where ids are left out.
    package let tokenCount: Int
    package let addedTokenCount: Int
    package let mergeCount: Int
  }

  package var sizes: Sizes {
    Sizes(
      tokenCount: (0..<vocabularySize).count { isUsed(Int32($0)) }, addedTokenCount: addedTokens.count,
      mergeCount: merges.count)
  }
}
