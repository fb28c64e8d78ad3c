package import QuireModel
package import QuireTensors

/// Predicts a text with a model, and with a reference beside it, batch by batch: logits of both are compared in
/// full precision while they are in memory, and never stored.
package struct TextScorer {
  package let windows: TextWindows
  package let compute: Compute

  package init(windows: TextWindows, compute: Compute) {
    self.windows = windows
    self.compute = compute
  }

  /// Memory that the logits of one batch may take, per model.
  private static let logitBytesMaximum = 64 << 20
  private static let rowLimits = 32...512

  /// Rows of a batch for a vocabulary: many enough for full matrix products, few enough for the logits' memory.
  package static func rowLimit(vocabularySize: Int) -> Int {
    min(max(logitBytesMaximum / (4 * vocabularySize), rowLimits.lowerBound), rowLimits.upperBound)
  }

  /// Score every window.
  ///
  /// - Parameters:
  ///   - model: the model and the precision of its cache.
  ///   - reference: a model of the same vocabulary; the model itself compares each row of logits with itself.
  ///   - onProgress: called after each batch with predicted tokens done and in all.
  /// Precondition: there is at least one window.
  package func score(
    _ model: ScoredModel, reference: ScoredModel?,
    onProgress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) -> TextScore {
    let vocabularySize = model.model.configuration.vocabularySize
    let plan = ScoringPlan(windows: windows.windows, rowLimit: Self.rowLimit(vocabularySize: vocabularySize))
    let pass = forwardPass(model, plan: plan)
    let referencePass = reference.flatMap { $0.model === model.model ? nil : forwardPass($0, plan: plan) }
    var scores: [TokenScore] = []
    scores.reserveCapacity(windows.scoredCount)
    for step in plan.steps {
      let logits = pass.run(step.batch)
      let referenceLogits = reference == nil ? nil : referencePass?.run(step.batch) ?? logits
      scores += compare(logits, referenceLogits, targets: step.targets, vocabularySize: vocabularySize)
      onProgress(scores.count, windows.scoredCount)
    }
    return TextScore(
      scores, documents: plan.steps.flatMap { $0.windows.map { windows.documents[$0] } },
      documentCount: windows.documentCount, isCompared: reference != nil)
  }

  private func forwardPass(_ scored: ScoredModel, plan: ScoringPlan) -> ForwardPass {
    let cache = KeyValueCache(
      scored.model.configuration, blockCount: plan.blockCount, element: scored.keyValueElement)
    return ForwardPass(
      model: scored.model, cache: cache, compute: compute,
      maximumRows: plan.steps.map(\.batch.tokens.count).max() ?? 1,
      maximumLogitRows: plan.steps.map(\.targets.count).max() ?? 1)
  }

  /// One score per target; the team shares the rows.
  private func compare(
    _ logits: UnsafeBufferPointer<Float>, _ reference: UnsafeBufferPointer<Float>?, targets: [Int32],
    vocabularySize: Int
  ) -> [TokenScore] {
    let scores = HostBuffer<TokenScore>(count: targets.count)
    compute.team.run { thread, count in
      for row in ThreadTeam.range(of: targets.count, thread: thread, count: count) {
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

/// A model as it is to be run.
package struct ScoredModel: Sendable {
  package let model: Model
  package let keyValueElement: KeyValueElement

  package init(model: Model, keyValueElement: KeyValueElement) {
    self.model = model
    self.keyValueElement = keyValueElement
  }
}
