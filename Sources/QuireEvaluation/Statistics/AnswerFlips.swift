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
  /// Precondition: at least one problem.
  package var accuracyChange: Estimate {
    let count = Double(problemCount)
    let flipped = Double(rightToWrong + wrongToRight)
    let change = Double(wrongToRight - rightToWrong)
    return Estimate(
      value: change / count, standardError: (flipped - change * change / count).squareRoot() / count)
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
