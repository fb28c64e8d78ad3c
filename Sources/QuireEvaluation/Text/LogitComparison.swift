import Foundation

/// What one position's logits say about the token that came next, and how they differ from a reference's.
package struct TokenScore: Sendable, Equatable, BitwiseCopyable {
  /// −ln of the probability that the row gives to the token that came, in nats.
  package var surprise = 0.0
  /// The same of the reference.
  package var referenceSurprise = 0.0
  /// KL divergence of the row's distribution from the reference's, Σ p ln(p/q) with p the reference's, in nats.
  package var divergence = 0.0
  /// Whether both hold the same token most probable (the lower id among equals).
  package var agreesOnTop = false

  package init() {}
}

/// Softmax arithmetic on rows of logits, in double precision.
package enum LogitComparison {
  /// The score of one position without a reference. Both lists have one logit per vocabulary entry.
  package static func score(_ logits: UnsafeBufferPointer<Float>, target: Int) -> TokenScore {
    let row = Softmax(logits)
    var score = TokenScore()
    score.surprise = row.logNormalizer - Double(logits[target])
    return score
  }

  /// The score of one position against a reference. Precondition: equal vocabularies.
  package static func score(
    _ logits: UnsafeBufferPointer<Float>, reference: UnsafeBufferPointer<Float>, target: Int
  ) -> TokenScore {
    precondition(logits.count == reference.count, "distributions over different vocabularies")
    let row = Softmax(logits)
    let other = Softmax(reference)
    var score = TokenScore()
    score.surprise = row.logNormalizer - Double(logits[target])
    score.referenceSurprise = other.logNormalizer - Double(reference[target])
    score.agreesOnTop = row.top == other.top
    // Σ p (ln p − ln q) = Σ p (x − y) − ln Z_p + ln Z_q with logits x, y: exactly 0 for equal logits.
    var sum = 0.0
    for index in reference.indices {
      let logit = Double(reference[index])
      sum += exp(logit - other.maximum) * (logit - Double(logits[index]))
    }
    let divergence = sum / other.scaledSum - other.logNormalizer + row.logNormalizer
    // Rounding may leave a divergence of nearly 0 just below it; NaN stays NaN.
    score.divergence = divergence < 0 ? 0 : divergence
    return score
  }

  /// The normalizer of one row of logits.
  private struct Softmax {
    var top = 0
    var maximum = 0.0
    /// Σ exp(logit − maximum)
    var scaledSum = 0.0

    var logNormalizer: Double { maximum + log(scaledSum) }

    init(_ logits: UnsafeBufferPointer<Float>) {
      precondition(!logits.isEmpty, "no vocabulary")
      for index in logits.indices where logits[index] > logits[top] { top = index }
      maximum = Double(logits[top])
      for logit in logits { scaledSum += exp(Double(logit) - maximum) }
    }
  }
}
