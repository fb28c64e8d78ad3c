import Foundation

/// How well a model predicts a text, and how far its distributions are from a reference's.
package struct TextScore: Sendable, Equatable {
  /// Tokens that were predicted.
  package let tokenCount: Int
  /// Mean negative log-likelihood, nats per token, with its error between documents.
  package let negativeLogLikelihood: Estimate
  /// Nil where there is no reference, or where only the probabilities of the text's own tokens are known.
  package let comparison: Comparison?
  /// The ratio of a comparison, or of those probabilities alone.
  package let perplexityRatio: Estimate?

  /// Figures that need a reference's logits for the same tokens.
  package struct Comparison: Sendable, Equatable {
    /// Perplexity divided by the reference's; the error is of the paired differences, token by token.
    package let perplexityRatio: Estimate
    /// Mean KL divergence from the reference, nats per token.
    package let divergence: Estimate
    /// The 99th percentile of the KL divergence over positions.
    package let divergenceP99: Double
    package let divergenceMaximum: Double
    /// Share of positions where both have the same most probable token.
    package let topOneAgreement: Estimate
  }

  package var perplexity: Double { exp(negativeLogLikelihood.value) }

  /// One standard error between documents; nil for a single document. As for the ratio, exp is nearly linear over it.
  package var perplexityError: Double? { negativeLogLikelihood.standardError.map { $0 * perplexity } }

  init(
    tokenCount: Int, negativeLogLikelihood: Estimate, comparison: Comparison?,
    perplexityRatio: Estimate? = nil
  ) {
    self.tokenCount = tokenCount
    self.negativeLogLikelihood = negativeLogLikelihood
    self.comparison = comparison
    self.perplexityRatio = comparison?.perplexityRatio ?? perplexityRatio
  }

  /// Aggregates scores of which only the negative log-likelihoods are known; see `init(_:documents:documentCount:isCompared:)`.
  init(negativeLogLikelihoods scores: [TokenScore], documents: [Int], documentCount: Int, isCompared: Bool) {
    let whole = TextScore(
      scores, documents: documents, documentCount: documentCount, isCompared: isCompared)
    self.init(
      tokenCount: whole.tokenCount, negativeLogLikelihood: whole.negativeLogLikelihood, comparison: nil,
      perplexityRatio: whole.perplexityRatio)
  }

  /// Aggregates the scores of all positions.
  ///
  /// - Parameters:
  ///   - documents: the document of each score, `0 ..< documentCount`; errors are taken between documents.
  ///   - isCompared: whether the scores include a comparison with a reference.
  /// Precondition: at least one score.
  package init(
    _ scores: [TokenScore], documents: [Int], documentCount: Int, isCompared: Bool
  ) {
    precondition(!scores.isEmpty && scores.count == documents.count, "scores without documents")
    func mean(_ value: (TokenScore) -> Double) -> Estimate {
      var mean = ClusteredMean(documentCount: documentCount)
      for (score, document) in zip(scores, documents) { mean.add(value(score), document: document) }
      return mean.estimate
    }
    tokenCount = scores.count
    negativeLogLikelihood = mean(\.negativeLogLikelihood)
    guard isCompared else {
      comparison = nil
      perplexityRatio = nil
      return
    }
    let logRatio = mean { $0.negativeLogLikelihood - $0.referenceNegativeLogLikelihood }
    let ratio = exp(logRatio.value)
    let divergences = scores.map(\.divergence)
    // exp is nearly linear over so small an error: SE(exp m) = exp(m) · SE(m).
    let estimate = Estimate(value: ratio, standardError: logRatio.standardError.map { $0 * ratio })
    perplexityRatio = estimate
    comparison = Comparison(
      perplexityRatio: estimate,
      divergence: mean(\.divergence),
      divergenceP99: Moments.quantile(divergences, 0.99),
      divergenceMaximum: divergences.max() ?? 0,
      topOneAgreement: Self.agreement(mean { $0.agreesOnTop ? 1 : 0 }, scores))
  }

  /// The share of agreeing positions with an error that is known.
  ///
  /// Where all positions agree, or none, they show no spread between documents, although the next might differ. Then a
  /// position of each kind is added, as for accuracies (Agresti and Caffo, The American Statistician 54, 2000,
  /// pp. 280–288). Distributions that are all the reference's leave nothing to chance.
  private static func agreement(_ share: Estimate, _ scores: [TokenScore]) -> Estimate {
    guard share.standardError == 0, scores.contains(where: { $0.divergence != 0 }) else { return share }
    let count = Double(scores.count)
    let padded = (share.value * count + 1) / (count + 2)
    return Estimate(value: share.value, standardError: (padded * (1 - padded) / (count + 2)).squareRoot())
  }
}
