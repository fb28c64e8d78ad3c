import QuireGrammar
import QuireText

extension TokenMask {
  /// The ids that have a token; nil when all have one. The rows of unused ids in a model's head were never trained, so
  /// their logits mean nothing.
  convenience init?(usedBy tokenizer: Tokenizer) {
    let ids = 0..<Int32(truncatingIfNeeded: tokenizer.vocabularySize)
    guard ids.contains(where: { !tokenizer.isUsed($0) }) else { return nil }
    self.init(of: ids.filter(tokenizer.isUsed), vocabularySize: tokenizer.vocabularySize)
  }
}
