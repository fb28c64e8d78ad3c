package import QuireCalibration
import QuireTensors

/// The damping of `H = XᵀX/N`: how much was added to its diagonal until it was positive definite.
///
///     let damped = DampedGram(mean: gram.meanDiagonal) { added in fillAndFactor(gram, adding: added) }
///
/// Correlated inputs make H singular. Adding a share of its mean diagonal to the diagonal makes it definite and
/// hardly changes a solution; while H is not definite, the share rises tenfold, up to the mean diagonal itself.
package struct DampedGram: Sendable, Equatable {
  /// The share of the mean diagonal that was added.
  package let share: Double
  /// The value that was added to each entry of the diagonal.
  package let added: Double

  /// 1% of the mean diagonal, as in GPTQ (arXiv 2210.17323).
  package static let standardShare = 0.01

  /// - Parameters:
  ///   - mean: of H's diagonal
  ///   - share: the first share to try
  ///   - isDefinite: fills and factors H with this value added; false when it is not positive definite
  /// - Returns: nil when no share is enough, or H holds a NaN or an infinity.
  package init?(mean: Double, share: Double = standardShare, _ isDefinite: (_ added: Double) -> Bool) {
    guard mean.isFinite else { return nil }
    var share = share
    while share <= 1 {
      let added = mean > 0 ? share * mean : 1  // inputs that are all zero: any definite matrix serves
      if isDefinite(added) {
        (self.share, self.added) = (share, added)
        return
      }
      share *= 10
    }
    return nil
  }
}

extension GramMatrix {
  /// The mean over all inputs of their mean square.
  package var meanDiagonal: Double {
    diagonal.reduce(0.0) { $0 + Double($1) } / Double(max(1, order))
  }
}
