package import QuireModel

/// The model interface that an engine needs: logits for a mixed batch of rows.
///
/// `ForwardPass` is the implementation for models. Tests of the engine use another one with prescribed logits.
package protocol StepForward: AnyObject, Sendable {
  /// Computes the batch and returns the logits of `batch.logitRows`, row after row, valid until the next call. Called
  /// from one thread at a time.
  func logits(of batch: ForwardBatch) -> UnsafeBufferPointer<Float>  // (logit row, vocabulary)
  /// Whether the last call computed all rows of its batch. A benchmark leaves out prompts; nothing is learned from the time
  /// of such a step.
  var computedAllRows: Bool { get }
}

extension StepForward {
  package var computedAllRows: Bool { true }
}

extension ForwardPass: StepForward {
  package func logits(of batch: ForwardBatch) -> UnsafeBufferPointer<Float> {
    run(batch)
  }
}
