package import QuireModel
package import QuireTensors

/// Computes the steps of a scoring plan, each once and in order.
package protocol Predictor: AnyObject {
  /// The logits of a step's rows, (logit row, vocabulary), valid until the next call.
  func logits(of step: ScoringPlan.Step) throws(EvaluationError) -> UnsafeBufferPointer<Float>

  /// The next step is that of this index, at which only whole windows begin.
  func begin(at index: Int)
}

extension Predictor {
  /// For predictors whose steps need not come in order.
  package func begin(at index: Int) {}
}

/// A model in memory.
package final class LoadedPredictor: Predictor {
  private let pass: ForwardPass

  package init(_ model: Model, keyValueElement: KeyValueElement, plan: ScoringPlan, compute: Compute) {
    let cache = KeyValueCache(model.configuration, blockCount: plan.blockCount, element: keyValueElement)
    pass = ForwardPass(
      model: model, cache: cache, compute: compute, maximumRows: plan.maximumRows,
      maximumLogitRows: plan.maximumLogitRows)
  }

  package func logits(of step: ScoringPlan.Step) -> UnsafeBufferPointer<Float> { pass.run(step.batch) }
}
