import Foundation
import QuireCheckpoints
import QuireEvaluation
import QuireModel
import QuireTensors
import TestSupport
import Testing

/// Perplexity and divergence of tiny random models, computed a second way: one window at a time in its own forward
/// pass, softmax written out as the textbook has it.
@Suite struct TextScorerTests {
  private let compute = Compute(threadCount: 2)

  private func model(seed: UInt64) throws -> Model {
    let folder = TemporaryFolder()
    TinyCheckpoint(seed: seed).write(to: folder)
    return try Model(checkpoint: Checkpoint(path: folder.path))
  }

  /// Windows of many lengths; one is longer than the most rows of a batch.
  private var windows: TextWindows {
    var generator = SeededGenerator(seed: 8)
    let documents = [2, 33, 700, 5, 64, 31, 2, 90].map { generator.tokens($0, vocabularySize: 320) }
    return TextWindows(documents: documents, windowTokens: 600, scoredLimit: nil)
  }

  /// log-softmax of every position of a window but the last: (position, vocabulary).
  private func logProbabilities(_ scored: ScoredModel, _ window: [Int32]) -> [[Double]] {
    let blockCount = KeyValueCache.blockCount(positions: window.count)
    let cache = KeyValueCache(
      scored.model.configuration, blockCount: blockCount, element: scored.keyValueElement)
    let pass = ForwardPass(
      model: scored.model, cache: cache, compute: Compute(threadCount: 1), maximumRows: window.count)
    let logits = pass.run(
      ForwardBatch(
        tokens: window,
        sequences: [
          .init(rowCount: window.count, firstPosition: 0, blocks: (0..<blockCount).map { Int32($0) })
        ],
        logitRows: Array(0..<window.count - 1)))
    let width = scored.model.configuration.vocabularySize
    return (0..<window.count - 1).map { row in
      let values = logits[row * width..<(row + 1) * width].map { Double($0) }
      let normalizer = log(values.map { exp($0) }.reduce(0, +))
      return values.map { $0 - normalizer }
    }
  }

  @Test func agreesWithASecondWay() throws {
    let row = ScoredModel(model: try model(seed: 1), keyValueElement: .float16)
    let reference = ScoredModel(model: try model(seed: 2), keyValueElement: .float32)
    let windows = windows
    let score = try TextScorer(windows: windows, compute: compute).score(row, reference: reference)

    var negativeLogLikelihoods: [Double] = []
    var referenceNegativeLogLikelihoods: [Double] = []
    var divergences: [Double] = []
    var agreements = 0
    for window in windows.windows {
      let own = logProbabilities(row, window)
      let other = logProbabilities(reference, window)
      for position in own.indices {
        let target = Int(window[position + 1])
        negativeLogLikelihoods.append(-own[position][target])
        referenceNegativeLogLikelihoods.append(-other[position][target])
        divergences.append(
          zip(other[position], own[position]).map { exp($0) * ($0 - $1) }.reduce(0, +))
        let best = own[position].max().flatMap { own[position].firstIndex(of: $0) }
        let otherBest = other[position].max().flatMap { other[position].firstIndex(of: $0) }
        if best == otherBest { agreements += 1 }
      }
    }
    #expect(score.tokenCount == negativeLogLikelihoods.count)
    #expect(abs(score.perplexity / exp(Moments.mean(negativeLogLikelihoods)) - 1) < 1e-9)
    let comparison = try #require(score.comparison)
    let ratio = exp(Moments.mean(negativeLogLikelihoods) - Moments.mean(referenceNegativeLogLikelihoods))
    #expect(abs(comparison.perplexityRatio.value / ratio - 1) < 1e-9)
    #expect(abs(comparison.divergence.value - Moments.mean(divergences)) < 1e-9)
    #expect(abs(comparison.divergenceMaximum - (divergences.max() ?? 0)) < 1e-9)
    #expect(
      abs(comparison.topOneAgreement.value - Double(agreements) / Double(negativeLogLikelihoods.count))
        < 1e-12)
    // Two unrelated random models are far apart, so the figures above are not all zero.
    #expect(comparison.divergence.value > 0.1)
    #expect(comparison.topOneAgreement.value < 0.5)
  }

  @Test func aModelDoesNotDivergeFromItself() throws {
    let model = try model(seed: 1)
    let scorer = TextScorer(windows: windows, compute: compute)
    let own = ScoredModel(model: model, keyValueElement: .float32)
    // Two models of the same weights: two passes, whose bits must agree.
    let twin = ScoredModel(model: try self.model(seed: 1), keyValueElement: .float32)
    for reference in [own, twin] {
      let comparison = try #require(try scorer.score(own, reference: reference).comparison)
      #expect(comparison.divergence == Estimate(value: 0, standardError: 0))
      #expect(comparison.divergenceMaximum == 0)
      #expect(comparison.perplexityRatio == Estimate(value: 1, standardError: 0))
      #expect(comparison.topOneAgreement == Estimate(value: 1, standardError: 0))
    }
  }

  /// Positions that all agree, in several documents, do not say that the next one would.
  @Test func agreementEverywhereHasAnError() throws {
    func agreement(_ divergence: Double, documentCount: Int = 4) throws -> Estimate {
      var score = TokenScore()
      (score.divergence, score.agreesOnTop) = (divergence, true)
      let text = TextScore(
        [TokenScore](repeating: score, count: 400), documents: (0..<400).map { $0 % documentCount },
        documentCount: documentCount, isCompared: true)
      return try #require(text.comparison).topOneAgreement
    }
    let error = try #require(try agreement(0.01).standardError)
    // One disagreement in 402 positions.
    #expect(abs(error - (401.0 / 402 / 402 / 402).squareRoot()) < 1e-9)
    #expect(try agreement(0.01).value == 1)
    #expect(try agreement(0) == Estimate(value: 1, standardError: 0), "the same distributions")
    #expect(try agreement(0.01, documentCount: 1).standardError == nil)
  }

  /// A checkpoint that streams through its layers gives the bits of one in memory, for windows of several batches too,
  /// and again for the next comparison.
  @Test(arguments: [false, true])
  func aStreamedReferenceIsTheLoadedOne(tied: Bool) throws {
    let folder = TemporaryFolder()
    TinyCheckpoint(layerCount: 3, tiesEmbeddings: tied, shardCount: 2, seed: 1).write(to: folder)
    let checkpoint = try Checkpoint(path: folder.path)
    let scorer = TextScorer(windows: windows, compute: compute)
    let plan = scorer.plan(vocabularySize: 320)
    #expect(plan.steps.count > 2)
    var layers: [Int] = []
    let streamed = try StreamedPredictor(checkpoint, plan: plan, compute: compute) { done, total in
      #expect(total == 3)
      layers.append(done)
    }
    #expect(layers == [0, 1, 2, 3])
    for _ in 0..<2 {
      let loaded = LoadedPredictor(
        try Model(checkpoint: checkpoint), keyValueElement: .float32, plan: plan, compute: compute)
      let score = try scorer.score(loaded, reference: streamed, plan: plan, vocabularySize: 320)
      #expect(score.comparison?.divergenceMaximum == 0)
      #expect(score.comparison?.perplexityRatio == Estimate(value: 1, standardError: 0))
    }
    let alone = try scorer.score(streamed, reference: streamed, plan: plan, vocabularySize: 320)
    #expect(alone.comparison?.divergenceMaximum == 0 && alone.perplexity > 1)
  }

  @Test func progressEndsAtAllTokens() throws {
    let model = ScoredModel(model: try model(seed: 1), keyValueElement: .float32)
    let windows = windows
    var seen: [Int] = []
    let score = try TextScorer(windows: windows, compute: compute).score(model, reference: nil) {
      done, total in
      #expect(total == windows.scoredCount)
      seen.append(done)
    }
    #expect(seen.last == windows.scoredCount && seen == seen.sorted())
    #expect(score.comparison == nil)
  }

  /// Gives equal logits everywhere, and what a test wants at one position.
  private final class DamagedPredictor: Predictor {
    private let damage: Float?
    private let logits = HostBuffer<Float>(count: 512 * 320)
    init(_ damage: Float?) { self.damage = damage }

    func logits(of step: ScoringPlan.Step) -> UnsafeBufferPointer<Float> {
      if let damage, step.targets.count > 40 { logits[40 * 320 + 7] = damage }
      return UnsafeBufferPointer(start: logits.pointer, count: step.targets.count * 320)
    }
  }

  private func failure(_ own: DamagedPredictor, _ reference: DamagedPredictor?) throws -> EvaluationError? {
    let scorer = TextScorer(windows: windows, compute: compute)
    do throws(EvaluationError) {
      _ = try scorer.score(
        own, reference: reference, plan: scorer.plan(vocabularySize: 320), vocabularySize: 320)
      return nil
    } catch {
      return error
    }
  }

  /// Softmax makes a NaN of every number beside one, and agreement of two rows of NaN.
  @Test(arguments: [Float.nan, .infinity])
  func numbersThatAreNotFiniteAreNoScore(damage: Float) throws {
    let (sound, damaged) = (DamagedPredictor(nil), DamagedPredictor(damage))
    #expect(try failure(sound, sound) == nil)
    #expect(try failure(damaged, nil) == .notFinite(isReference: false))
    #expect(try failure(damaged, sound) == .notFinite(isReference: false))
    #expect(try failure(sound, damaged) == .notFinite(isReference: true))
    let own = try #require(try failure(damaged, damaged))
    #expect(
      own.description == "expected finite logits from the reference on the text, found a NaN or an infinity; "
        + "its weights are damaged or too large, so there is nothing to score")
  }
}
