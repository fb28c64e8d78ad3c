import Foundation

/// How many answers changed from right to wrong and back between a reference and a row, problem by problem.
///
/// One accuracy can hide many flips in both directions; McNemar's test asks whether the two directions differ by
/// more than chance (McNemar 1947; the exact form).
package struct AnswerFlips: Sendable, Equatable {
  /// Problems that were compared.
  package let problemCount: Int
  /// Right in the reference, wrong here.
  package let rightToWrong: Int
  /// Wrong in the reference, right here.
  package let wrongToRight: Int

  package init(problemCount: Int, rightToWrong: Int, wrongToRight: Int) {
    precondition(rightToWrong + wrongToRight <= problemCount, "more flips than problems")
    self.problemCount = problemCount
    self.rightToWrong = rightToWrong
    self.wrongToRight = wrongToRight
  }

  /// Precondition: both lists are about the same problems.
  package init(reference: [Bool], row: [Bool]) {
    precondition(reference.count == row.count, "answers to different problems")
    self.init(
      problemCount: row.count, rightToWrong: zip(reference, row).count { $0 && !$1 },
      wrongToRight: zip(reference, row).count { !$0 && $1 })
  }

  /// The change of accuracy and the standard error of this paired difference.
  ///
  /// Without flips, or with every problem flipped one way, the answers show no spread, and the usual error would be 0.
  /// Then half an answer is added to each of the four outcomes of a pair (Agresti and Min, Statistics in Medicine 24,
  /// 2005, pp. 729–740).
  /// Precondition: at least one problem.
  package var accuracyChange: Estimate {
    let count = Double(problemCount)
    let flipped = Double(rightToWrong + wrongToRight)
    let change = Double(wrongToRight - rightToWrong)
    let showsSpread = flipped > 0 && max(rightToWrong, wrongToRight) < problemCount
    let error =
      showsSpread
      ? (flipped - change * change / count).squareRoot() / count
      : (flipped + 1 - change * change / (count + 2)).squareRoot() / (count + 2)
    return Estimate(value: change / count, standardError: error)
  }

  /// How many standard errors the change is above `limit`; the errors are those that it would have if `limit` were the
  /// truth, so that few flips, or none, count as what they are (Tango, Statistics in Medicine 17, 1998, pp. 891–908).
  package func score(of limit: Double) -> Double {
    let count = Double(problemCount)
    let (won, lost) = (Double(wrongToRight), Double(rightToWrong))
    let distance = won - lost - count * limit
    // The probability of a loss that makes the flips most likely, of those with this change.
    let linear = (2 * count - won + lost) * limit - won - lost
    let root = max(0, linear * linear + 8 * count * lost * limit * (1 - limit)).squareRoot()
    let loss = (root - linear) / (4 * count)
    let variance = count * (2 * loss + limit * (1 - limit))
    if distance == 0 { return 0 }
    return variance > 0 ? distance / variance.squareRoot() : distance > 0 ? .infinity : -.infinity
  }

  /// The probability beyond two standard errors, within which no difference is claimed.
  private static let chance = 0.0455

  /// Whether McNemar's test says that so uneven flips may be chance, at the level of two standard errors.
  package var isWithinChance: Bool { probability > Self.chance }

  /// Whether the change is clearly on one side of `limit`. Where no change at all would be on the other side, McNemar's
  /// exact test has to exclude it too.
  package func isClear(of limit: Double) -> Bool {
    let change = Double(wrongToRight - rightToWrong) / Double(problemCount)
    let isBetween = min(change, 0) <= limit && limit <= max(change, 0)
    return abs(score(of: limit)) > Estimate.noiseWidth && !(isBetween && isWithinChance)
  }

  /// The probability of a split of the flips at least as uneven as this by chance (two-sided exact binomial); 1
  /// without flips.
  package var probability: Double {
    let flipped = rightToWrong + wrongToRight
    let fewer = min(rightToWrong, wrongToRight)
    // Σ C(n, k) / 2ⁿ for k = 0 … fewer, in logarithms: 2ⁿ overflows above about a thousand flips.
    var logTerm = -Double(flipped) * log(2.0)
    var sum = exp(logTerm)
    for index in 0..<fewer {
      logTerm += log(Double(flipped - index)) - log(Double(index + 1))
      sum += exp(logTerm)
    }
    return min(1, 2 * sum)
  }
}
