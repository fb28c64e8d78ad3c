import QuireModel
import QuireCheckpoints
import Foundation
package import QuireTensors

/// The KL divergence between two softmax distributions, in nats.
///
/// With `d` the difference of the logits less its mean under p, `KL = log(1 + Σ p·(eᵈ − 1 − d))`: a sum of small
/// positive terms, where the textbook's form would subtract two large logarithms. Changes on trial move answers by
/// 10⁻⁶ and less.
package enum Divergence {
  /// KL(p ‖ q).
  ///
  /// - Parameters:
  ///   - expected: logits of p (count)
  ///   - found: logits of q (count)
  ///   - shares: room to work (count)
  package static func between(
    _ expected: UnsafePointer<Float>, _ found: UnsafePointer<Float>, count: Int,
    shares: UnsafeMutablePointer<Float>, kernels: Kernels
  ) -> Double {
    var largest = -Float.infinity
    for index in 0..<count { largest = max(largest, expected[index]) }
    for index in 0..<count { shares[index] = expected[index] - largest }
    kernels.exponential(shares, into: shares, count: count)
    var (total, weighted) = (0.0, 0.0)
    for index in 0..<count {
      total += Double(shares[index])
      weighted += Double(shares[index]) * Double(found[index] - expected[index])
    }
    let mean = weighted / total
    var sum = 0.0
    for index in 0..<count where shares[index] > 0 {
      sum += Double(shares[index]) * excess(Double(found[index] - expected[index]) - mean)
    }
    return log1p(sum / total)
  }

  /// `eᵈ − 1 − d`.
  private static func excess(_ d: Double) -> Double {
    guard abs(d) < 0.01 else { return exp(d) - 1 - d }
    return d * d * (0.5 + d * (1 / 6.0 + d * (1 / 24.0 + d / 120)))
  }
}
