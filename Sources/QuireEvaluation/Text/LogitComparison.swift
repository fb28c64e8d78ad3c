import QuireModel

/// The score of one position's logits for the next token, and how they differ from a reference's.
package struct TokenScore: Sendable, Equatable, BitwiseCopyable {
  /// −ln of the probability of the next token, in nats.
  package var negativeLogLikelihood = 0.0
  /// The same for the reference.
  package var referenceNegativeLogLikelihood = 0.0
  /// KL divergence of the model's distribution from the reference's, Σ p ln(p/q) with p the reference's, in nats.
  package var divergence = 0.0
  /// Whether both have the same most probable token (the lower id among equals).
  package var agreesOnTop = false

  package init() {}
}

/// Scores of single positions, in float64.
package enum LogitComparison {
  /// The score of one position without a reference. Both lists have one logit per vocabulary entry.
  package static func score(_ logits: UnsafeBufferPointer<Float>, target: Int) -> TokenScore {
    var score = TokenScore()
    score.negativeLogLikelihood = Softmax(logits).surprise(of: target)
    return score
  }

  /// The score of one position against a reference. Precondition: equal vocabularies.
  package static func score(
    _ logits: UnsafeBufferPointer<Float>, reference: UnsafeBufferPointer<Float>, target: Int
  ) -> TokenScore {
    let (row, other) = (Softmax(logits), Softmax(reference))
    var score = TokenScore()
    score.negativeLogLikelihood = row.surprise(of: target)
    score.referenceNegativeLogLikelihood = other.surprise(of: target)
    score.agreesOnTop = row.top == other.top
    score.divergence = Divergence.of(row, from: other)
    return score
  }
}
