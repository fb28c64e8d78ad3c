package import QuireModel

/// The passes of a draft head that an engine needs.
///
/// `DraftHeadPass` is the implementation. Benchmarks use another one with prescribed drafts.
package protocol HeadForward: AnyObject, Sendable {
  var head: DraftHead { get }
  /// Rows of a pass.
  var maximumRows: Int { get }
  /// Floats of the features of a row.
  var featureWidth: Int { get }

  /// Computes the batch and returns the logits of `batch.logitRows`, valid until the next call. Called from one thread at a
  /// time.
  func logits(
    of batch: ForwardBatch, from source: DraftHeadPass.Source
  ) -> UnsafeBufferPointer<Float>  // (logit row, draft vocabulary)
}

extension DraftHeadPass: HeadForward {
  package func logits(
    of batch: ForwardBatch, from source: DraftHeadPass.Source
  ) -> UnsafeBufferPointer<Float> {
    run(batch, from: source)
  }
}
