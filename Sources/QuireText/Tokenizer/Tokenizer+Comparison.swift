extension Tokenizer {
  /// An id that stands for different tokens in two tokenizers.
  package struct Difference: Sendable, Equatable {
    package let id: Int32
    /// The bytes that the id stands for; empty for an unused id.
    package let token: [UInt8]
    package let other: [UInt8]
  }

  /// The lowest id that stands for another token in `other`; nil if all ids agree, so that token ids of one can be given
  /// to the other's model. Merges and templates may differ: they only say which ids a text has.
  package func firstDifference(from other: Tokenizer) -> Difference? {
    for id in 0..<Int32(max(vocabularySize, other.vocabularySize)) {
      let (own, others) = (bytes(of: id), other.bytes(of: id))
      if own != others { return Difference(id: id, token: Array(own), other: Array(others)) }
    }
    return nil
  }
}
