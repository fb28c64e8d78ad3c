import Foundation
package import QuireTensors

/// The KL divergence between two softmax distributions, in nats. Two forms of the same number:
///
/// | form | for | why |
/// |---|---|---|
/// | `between(_:_:count:shares:kernels:)` | trials of a single change, 10⁻⁶ nats and less | a sum of small positive terms keeps its digits; vector kernels, for it runs thousands of times |
/// | `of(_:from:)` | evaluation, 10⁻⁴ nats and more | float64 throughout; the two normalizers are needed anyway for the negative log-likelihood of the next token |
///
/// Both are in packs and reports that people compare, so their bits must not change.
package enum Divergence {
  /// KL(p ‖ q) with `d` the difference of the logits minus its mean under p: `log(1 + Σ p·(eᵈ − 1 − d))`.
  ///
  /// - Parameters:
  ///   - expected: logits of p (count)
  ///   - found: logits of q (count)
  ///   - shares: workspace (count)
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

  /// The sum of `between` over rows.
  ///
  /// - Parameters:
  ///   - expected: logits of p (row, width)
  ///   - found: logits of q (row, width)
  package static func sum(
    _ expected: HostBuffer<Float>, _ found: HostBuffer<Float>, rows: Int, width: Int, kernels: Kernels,
    team: ThreadTeam
  ) -> Double {
    let values = HostBuffer<Double>(count: rows)
    team.run { thread, count in
      let shares = HostBuffer<Float>(count: width)
      for row in ThreadTeam.range(of: rows, share: thread, count: count) {
        values.pointer[row] = between(
          expected.pointer + row * width, found.pointer + row * width, count: width, shares: shares.pointer,
          kernels: kernels)
      }
    }
    return values.buffer.reduce(0, +)
  }

  /// `eᵈ − 1 − d`.
  private static func excess(_ d: Double) -> Double {
    guard abs(d) < 0.01 else { return exp(d) - 1 - d }
    return d * d * (0.5 + d * (1 / 6.0 + d * (1 / 24.0 + d / 120)))
  }

  /// KL(p ‖ q) of distribution q from p, `Σ p·(x − y) − ln Z_p + ln Z_q` with logits x, y: exactly 0 for equal
  /// logits.
  /// Precondition: equal vocabularies.
  package static func of(_ found: Softmax, from expected: Softmax) -> Double {
    precondition(found.logits.count == expected.logits.count, "distributions over different vocabularies")
    let (x, y) = (expected.logits, found.logits)
    var sum = 0.0
    for index in x.indices {
      let logit = Double(x[index])
      sum += exp(logit - expected.maximum) * (logit - Double(y[index]))
    }
    let divergence = sum / expected.scaledSum - expected.logNormalizer + found.logNormalizer
    // Rounding may give a value slightly below 0; NaN stays NaN.
    return divergence < 0 ? 0 : divergence
  }
}

/// One row of logits and its normalizer, in float64.
package struct Softmax {
  /// (vocabulary); must outlive this value
  package let logits: UnsafeBufferPointer<Float>
  /// The most probable entry, the lowest of equals.
  package private(set) var top = 0
  package private(set) var maximum = 0.0
  /// Σ exp(logit − maximum)
  package private(set) var scaledSum = 0.0

  /// ln Σ exp(logit); not finite when a logit is NaN or +∞.
  package var logNormalizer: Double { maximum + log(scaledSum) }

  package init(_ logits: UnsafeBufferPointer<Float>) {
    precondition(!logits.isEmpty, "no vocabulary")
    self.logits = logits
    for index in logits.indices where logits[index] > logits[top] { top = index }
    maximum = Double(logits[top])
    for logit in logits { scaledSum += exp(Double(logit) - maximum) }
  }

  /// −ln of the probability of an entry, in nats.
  package func surprise(of target: Int) -> Double { logNormalizer - Double(logits[target]) }
}
