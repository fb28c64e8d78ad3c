import Foundation

/// Log-probabilities of one row of logits: the log-softmax of the raw row, before any bias, penalty, temperature or
/// filter.
///
/// The sum runs over the whole row, including the padding of the vocabulary, as in training. Alternatives are only
/// real tokens.
package struct LogProbabilities {
  private let row: UnsafePointer<Float>
  private let vocabularySize: Int
  private let logSum: Double

  /// `logits` is a whole row and must stay valid while this value is used. Its first `vocabularySize` elements belong
  /// to tokens.
  ///
  /// Throws `unusableLogits` when a logit is NaN or +infinity, or all are −infinity.
  package init(
    logits: UnsafeBufferPointer<Float>, vocabularySize: Int, tokenIndex: Int, workspace: SamplerWorkspace
  ) throws(GenerationError) {
    precondition(logits.count >= vocabularySize && workspace.capacity >= logits.count)
    guard let row = logits.baseAddress else { preconditionFailure("no logits") }
    let survey = workspace.survey(row, count: logits.count)
    guard survey.isUsable else { throw .unusableLogits(tokenIndex: tokenIndex) }
    self.row = row
    self.vocabularySize = vocabularySize
    let sum = workspace.sumOfPowers(row, count: logits.count, shift: survey.maximum)
    self.logSum = Double(survey.maximum) + log(sum)
  }

  /// Natural logarithm of the probability of a token.
  package func value(of id: Int32) -> Float {
    Float(Double(row[Int(id)]) - logSum)
  }

  /// 1 for the most probable token, 2 for the next one; equally probable tokens have the same rank.
  package func rank(of id: Int32) -> Int {
    let logit = row[Int(id)]
    var rank = 1
    for index in 0..<vocabularySize where row[index] > logit { rank += 1 }
    return rank
  }

  /// The most probable tokens, most probable first, equal ones by id; at most `count`.
  package func best(_ count: Int, workspace: SamplerWorkspace) -> [(id: Int32, logprob: Float)] {
    guard count > 0 else { return [] }
    _ = workspace.survey(row, count: vocabularySize)
    workspace.collectLargest(count, of: row, count: vocabularySize)
    return workspace.sortedCandidates().prefix(count).map { (id: $0, logprob: value(of: $0)) }
  }
}

extension SamplerWorkspace {
  /// Σ e^(x − shift) over a row: floats summed as doubles in a fixed order.
  func sumOfPowers(_ row: UnsafePointer<Float>, count: Int, shift: Float) -> Double {
    let powers = weights  // uses one block of it
    var total = 0.0
    for start in stride(from: 0, to: count, by: Self.blockSize) {
      let size = min(Self.blockSize, count - start)
      let block = row + start
      for index in 0..<size { powers[index] = Exponential.power(block[index] - shift) }
      total += Self.sum(powers, count: size)
    }
    return total
  }

  /// Ids of the candidates, largest logit first, equal ones by id.
  func sortedCandidates() -> [Int32] {
    let order = (0..<candidateCount).sorted { left, right in
      let (leftKey, rightKey) = (keys[left], keys[right])
      return leftKey == rightKey ? left < right : leftKey > rightKey
    }
    return order.map { ids[$0] }
  }
}
