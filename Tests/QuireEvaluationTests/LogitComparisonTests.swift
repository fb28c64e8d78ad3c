import QuireEvaluation
import TestSupport
import Testing

/// Expected values were computed with NumPy in float64: log-softmax, then Σ exp(lp)·(lp − lq).
@Suite struct LogitComparisonTests {
  private func score(_ row: [Float], _ reference: [Float], target: Int) -> TokenScore {
    row.withUnsafeBufferPointer { row in
      reference.withUnsafeBufferPointer { LogitComparison.score(row, reference: $0, target: target) }
    }
  }

  private let reference: [Float] = [1.5, -0.25, 3.0, 0.0, 2.75]
  private let row: [Float] = [1.0, 0.5, 2.5, -1.0, 3.25]

  @Test func agreesWithNumPy() {
    let score = score(row, reference, target: 3)
    #expect(abs(score.divergence - 0.13315897329322612) < 1e-12)
    #expect(abs(score.referenceNegativeLogLikelihood - 3.7373995499321295) < 1e-12)
    #expect(abs(score.negativeLogLikelihood - 4.754379616278724) < 1e-12)
    #expect(!score.agreesOnTop)
  }

  @Test func equalLogitsDoNotDiverge() {
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<50 {
      let logits = generator.gaussians(97, scale: 8)
      let score = score(logits, logits, target: 11)
      #expect(score.divergence == 0)
      #expect(score.agreesOnTop)
      #expect(score.negativeLogLikelihood == score.referenceNegativeLogLikelihood)
    }
  }

  @Test func divergenceIsNeverNegative() {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<200 {
      let logits = generator.gaussians(64, scale: 5)
      let other = logits.map { $0 + generator.nextGaussian() * 1e-6 }
      let score = score(other, logits, target: 0)
      #expect(score.divergence >= 0 && score.divergence < 1e-9)
    }
  }

  /// A constant added to all logits changes no probability; large logits must not overflow.
  @Test func shiftsDoNotMatter() {
    let shifted = score(row.map { $0 + 4096 }, reference.map { $0 - 8192 }, target: 3)
    #expect(abs(shifted.divergence - 0.13315897329322612) < 1e-9)
    #expect(abs(shifted.negativeLogLikelihood - 4.754379616278724) < 1e-9)
  }

  @Test func tiesGoToTheLowerID() {
    #expect(score([2, 2, 0], [3, 1, 0], target: 0).agreesOnTop)
    #expect(!score([2, 2, 0], [1, 3, 0], target: 0).agreesOnTop)
  }

  @Test func brokenLogitsShow() {
    let score = score([.nan, 0, 1], [0, 0, 1], target: 1)
    #expect(score.negativeLogLikelihood.isNaN && score.divergence.isNaN)
  }

  @Test func scoresWithoutAReference() {
    let score = row.withUnsafeBufferPointer { LogitComparison.score($0, target: 3) }
    #expect(abs(score.negativeLogLikelihood - 4.754379616278724) < 1e-12)
    #expect(score.divergence == 0)
  }

  @Test func textScoresSumUpByDocument() {
    let negativeLogLikelihoods = [1.0, 2.0, 0.5, 3.0, 1.5]
    let references = [0.9, 2.1, 0.4, 2.8, 1.5]
    let divergences = [0.01, 0.2, 0.0, 0.05, 0.3]
    let agreements = [true, false, true, true, false]
    let scores = negativeLogLikelihoods.indices.map { index in
      var score = TokenScore()
      score.negativeLogLikelihood = negativeLogLikelihoods[index]
      score.referenceNegativeLogLikelihood = references[index]
      score.divergence = divergences[index]
      score.agreesOnTop = agreements[index]
      return score
    }
    let text = TextScore(scores, documents: [0, 0, 1, 2, 2], documentCount: 3, isCompared: true)
    func near(_ estimate: Estimate?, _ value: Double, _ error: Double) -> Bool {
      guard let estimate, let own = estimate.standardError else { return false }
      return abs(estimate.value - value) < 1e-12 && abs(own - error) < 1e-12
    }
    #expect(text.tokenCount == 5)
    #expect(abs(text.perplexity - 4.953032424395115) < 1e-12)
    #expect(near(text.negativeLogLikelihood, 1.6, 0.42))
    #expect(near(text.comparison?.perplexityRatio, 1.0618365465453596, 0.038927570801716924))
    #expect(near(text.comparison?.divergence, 0.112, 0.04143621604345647))
    #expect(near(text.comparison?.topOneAgreement, 0.6, 0.12))
    #expect(abs((text.comparison?.divergenceP99 ?? 0) - 0.296) < 1e-12)
    #expect(text.comparison?.divergenceMaximum == 0.3)
    let alone = TextScore(scores, documents: [0, 0, 1, 2, 2], documentCount: 3, isCompared: false)
    #expect(alone.comparison == nil)
  }
}
