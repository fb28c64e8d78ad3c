import Foundation
import QuireText

/// Makes the records of tokens: their bytes and, if logits are given, their log-probabilities.
final class TokenRecorder {
  let tokenizer: Tokenizer
  let workspace: SamplerWorkspace
  private let vocabularySize: Int

  /// `rowWidth` is the length of a row of logits, of which `vocabularySize` are tokens.
  init(tokenizer: Tokenizer, vocabularySize: Int, rowWidth: Int) {
    self.tokenizer = tokenizer
    self.vocabularySize = vocabularySize
    workspace = SamplerWorkspace(capacity: rowWidth)
  }

  /// A token without log-probability: not requested, or the first token of a prompt.
  func record(_ token: Int32) -> TokenRecord {
    TokenRecord(id: token, bytes: bytes(of: token))
  }

  /// A token with its log-probability and alternatives. Throws `unusableLogits`.
  func record(
    _ token: Int32, logits: UnsafeBufferPointer<Float>, alternativeCount: Int, tokenIndex: Int
  ) throws(GenerationError) -> TokenRecord {
    let probabilities = try LogProbabilities(
      logits: logits, vocabularySize: vocabularySize, tokenIndex: tokenIndex, workspace: workspace)
    let top = probabilities.best(alternativeCount, workspace: workspace).map { best in
      TokenAlternative(id: best.id, bytes: bytes(of: best.id), logprob: best.logprob)
    }
    return TokenRecord(
      id: token, bytes: bytes(of: token), logprob: probabilities.value(of: token), top: top)
  }

  /// A token with its probability in the distribution that it was drawn from, and its most probable alternatives.
  func record(
    _ token: Int32, distribution: [(id: Int32, probability: Double)], alternativeCount: Int
  ) -> TokenRecord {
    let best = distribution.sorted { ($1.probability, $0.id) < ($0.probability, $1.id) }
    return TokenRecord(
      id: token, bytes: bytes(of: token),
      logprob: distribution.first { $0.id == token }.map { Float(log($0.probability)) },
      top: best.prefix(alternativeCount).map {
        TokenAlternative(id: $0.id, bytes: bytes(of: $0.id), logprob: Float(log($0.probability)))
      })
  }

  private func bytes(of token: Int32) -> ArraySlice<UInt8> {
    tokenizer.bytes(of: token)
  }
}
