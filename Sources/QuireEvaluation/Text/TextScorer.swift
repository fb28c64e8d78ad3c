package import QuireModel
package import QuireTensors

/// Predicts a text with a model and a reference, batch by batch: the logits of both are compared in full precision
/// while they are in memory, and never stored.
package struct TextScorer {
  package let windows: TextWindows
  package let compute: Compute

  package init(windows: TextWindows, compute: Compute) {
    self.windows = windows
    self.compute = compute
  }

  /// Memory for the logits of one batch, per model.
  private static let logitBytesMaximum = 64 << 20
  private static let rowLimits = 32...512

  /// Rows of a batch for a vocabulary: many enough for full matrix products, few enough for the logits' memory.
  package static func rowLimit(vocabularySize: Int) -> Int {
    min(max(logitBytesMaximum / (4 * vocabularySize), rowLimits.lowerBound), rowLimits.upperBound)
  }

  /// The forward batches of the windows, the same for every model with this vocabulary.
  package func plan(vocabularySize: Int) -> ScoringPlan {
    ScoringPlan(windows: windows.windows, rowLimit: Self.rowLimit(vocabularySize: vocabularySize))
  }

  /// Scores every window with models in memory; see `score(_:reference:plan:vocabularySize:onProgress:)`.
  package func score(
    _ model: ScoredModel, reference: ScoredModel?,
    onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(EvaluationError) -> TextScore {
    let vocabularySize = model.model.configuration.vocabularySize
    let plan = plan(vocabularySize: vocabularySize)
    let own = predictor(model, plan)
    return try score(
      own, reference: reference.map { $0.model === model.model ? own : predictor($0, plan) }, plan: plan,
      vocabularySize: vocabularySize, onProgress: onProgress)
  }

  private func predictor(_ scored: ScoredModel, _ plan: ScoringPlan) -> LoadedPredictor {
    LoadedPredictor(scored.model, keyValueElement: scored.keyValueElement, plan: plan, compute: compute)
  }

  /// As `score(_:reference:plan:vocabularySize:log:onProgress:)`, without keeping anything.
  package func score(
    _ own: any Predictor, reference: (any Predictor)?, plan: ScoringPlan, vocabularySize: Int,
    onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(EvaluationError) -> TextScore {
    var log = ScoreLog(ResultLog())
    return try score(
      own, reference: reference, plan: plan, vocabularySize: vocabularySize, log: &log,
      onProgress: onProgress)
  }

  /// Scores every window.
  ///
  /// - Parameters:
  ///   - own: predicts the text.
  ///   - reference: what it is compared with; `own` itself compares each row of logits with itself.
  ///   - log: has the scores of the first steps, and gets the others.
  ///   - onProgress: called after each batch with the number of predicted tokens and the total.
  /// Precondition: there is at least one window.
  func score(
    _ own: any Predictor, reference: (any Predictor)?, plan: ScoringPlan, vocabularySize: Int,
    log: inout ScoreLog, onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(EvaluationError) -> TextScore {
    // A log of other batches has nothing to use.
    let isUsable = zip(log.steps, plan.steps).allSatisfy { $0.count == $1.targets.count }
    let first = isUsable ? plan.restart(atMost: log.steps.count) : 0
    var scores = Array(log.steps.prefix(first).joined())
    scores.reserveCapacity(windows.scoredCount)
    own.begin(at: first)
    if let reference, reference !== own { reference.begin(at: first) }
    for (index, step) in plan.steps.enumerated().dropFirst(first) {
      let logits = try own.logits(of: step)
      let referenceLogits =
        if let reference { reference === own ? logits : try reference.logits(of: step) } else {
          nil as UnsafeBufferPointer<Float>?
        }
      let found = compare(logits, referenceLogits, targets: step.targets, vocabularySize: vocabularySize)
      try check(found)
      scores += found
      if index >= log.steps.count { try log.append(found) }
      onProgress(scores.count, windows.scoredCount)
    }
    return TextScore(
      scores, documents: plan.steps.flatMap { $0.windows.map { windows.documents[$0] } },
      documentCount: windows.documentCount, isCompared: reference != nil)
  }

  /// A value that is not finite is an error of the model, never a score.
  private func check(_ scores: [TokenScore]) throws(EvaluationError) {
    guard scores.allSatisfy(\.referenceNegativeLogLikelihood.isFinite) else {
      throw .notFinite(isReference: true)
    }
    guard scores.allSatisfy({ $0.negativeLogLikelihood.isFinite && $0.divergence.isFinite }) else {
      throw .notFinite(isReference: false)
    }
  }

  /// One score per target; the rows are divided among the threads.
  private func compare(
    _ logits: UnsafeBufferPointer<Float>, _ reference: UnsafeBufferPointer<Float>?, targets: [Int32],
    vocabularySize: Int
  ) -> [TokenScore] {
    let scores = HostBuffer<TokenScore>(count: targets.count)
    compute.team.run { thread, count in
      for row in ThreadTeam.range(of: targets.count, share: thread, count: count) {
        let range = row * vocabularySize..<(row + 1) * vocabularySize
        let own = UnsafeBufferPointer(rebasing: logits[range])
        let target = Int(targets[row])
        if let reference {
          scores[row] = LogitComparison.score(
            own, reference: UnsafeBufferPointer(rebasing: reference[range]), target: target)
        } else {
          scores[row] = LogitComparison.score(own, target: target)
        }
      }
    }
    return Array(scores.buffer)
  }
}

/// A model ready to run.
package struct ScoredModel: Sendable {
  package let model: Model
  package let keyValueElement: KeyValueElement

  package init(model: Model, keyValueElement: KeyValueElement) {
    self.model = model
    self.keyValueElement = keyValueElement
  }
}
