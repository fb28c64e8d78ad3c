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
  ///
  /// - Parameters:
  ///   - alternativeCount: The number of alternatives, which are the most probable tokens.
  ///   - ids: If not empty, the alternatives are the token itself and these.
  ///   - ranks: Whether the token's rank is counted.
  func record(
    _ token: Int32, logits: UnsafeBufferPointer<Float>, alternativeCount: Int, among ids: [Int32] = [],
    tokenIndex: Int, ranks: Bool = false
  ) throws(GenerationError) -> TokenRecord {
    let probabilities = try LogProbabilities(
      logits: logits, vocabularySize: vocabularySize, tokenIndex: tokenIndex, workspace: workspace)
    let top =
      ids.isEmpty
      ? probabilities.best(alternativeCount, workspace: workspace)
      : ([token] + ids.filter { $0 != token }).map { (id: $0, logprob: probabilities.value(of: $0)) }
    return TokenRecord(
      id: token, bytes: bytes(of: token), logprob: probabilities.value(of: token),
      top: top.map { TokenAlternative(id: $0.id, bytes: bytes(of: $0.id), logprob: $0.logprob) },
      rank: ranks ? probabilities.rank(of: token) : nil)
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
