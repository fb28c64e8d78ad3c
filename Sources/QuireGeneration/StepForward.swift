package import QuireModel

/// What an engine needs of a model: logits for a mixed batch of rows.
///
/// `ForwardPass` is the real one. An engine takes any, so that its own behaviour can be tested with logits that
/// are written down.
package protocol StepForward: AnyObject, Sendable {
  /// Computes the batch and gives the logits of `batch.logitRows`, row after row, valid until the next call.
  /// Called from one thread at a time.
  func logits(of batch: ForwardBatch) -> UnsafeBufferPointer<Float>  // (logit row, vocabulary)
}

extension ForwardPass: StepForward {
  package func logits(of batch: ForwardBatch) -> UnsafeBufferPointer<Float> {
    run(batch)
  }
}
