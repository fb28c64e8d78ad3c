import QuireFiles
package import QuireCheckpoints
import QuireModel
package import QuireTensors

/// A checkpoint that need not fit into memory: all steps of a plan go through its first layer, then through the
/// second, and so on; their hidden states are kept in a file. Two layers are in memory at a time, then lm_head.
///
/// The hidden states after the last layer are kept, so that each further comparison with this reference only runs
/// lm_head.
/// Results have the same bits as with a model in memory.
package final class StreamedPredictor: Predictor {
  private let plan: ScoringPlan
  private let stream: LayerStream
  private let output: OutputLayer
  private let head: WeightMatrix
  private let logits: HostBuffer<Float>  // (logit row, vocabulary)
  private var next = 0

  /// As `init(_:plan:compute:states:onLayer:)`, without keeping the hidden states.
  package convenience init(
    _ checkpoint: Checkpoint, plan: ScoringPlan, compute: Compute,
    onLayer: (_ done: Int, _ total: Int) -> Void
  ) throws(EvaluationError) {
    try self.init(checkpoint, plan: plan, compute: compute, states: nil, onLayer: onLayer)
  }

  /// Runs all layers that the kept states have not been through.
  ///
  /// - Parameters:
  ///   - states: keeps the hidden states for later runs; nil for an anonymous file
  ///   - onLayer: called with the number of layers done and the total.
  init(
    _ checkpoint: Checkpoint, plan: ScoringPlan, compute: Compute, states: KeptStates?,
    onLayer: (_ done: Int, _ total: Int) -> Void
  ) throws(EvaluationError) {
    let loader = try wrapping(EvaluationError.opening, try LayerLoader(checkpoint))
    let configuration = loader.configuration
    self.plan = plan
    logits = HostBuffer(count: plan.maximumLogitRows * configuration.vocabularySize)
    output = OutputLayer(
      finalNorm: try wrapping(EvaluationError.opening, try loader.finalNorm(of: configuration)),
      configuration: configuration, compute: compute, maximumRows: plan.maximumLogitRows)
    let embedding = try wrapping(EvaluationError.opening, try loader.embedding(of: configuration))
    head = try wrapping(EvaluationError.opening, try loader.head(of: configuration)) ?? embedding
    func makeStream(_ storage: LayerStream.Storage) throws(EvaluationError) -> LayerStream {
      try wrapping(
        EvaluationError.states,
        try LayerStream(
          plan.steps.map(\.batch), blockCount: plan.blockCount, configuration: configuration,
          compute: compute, storage: storage))
    }
    if let states, let found = states.found(layerCount: configuration.layerCount, open: makeStream) {
      stream = found
    } else {
      states?.remove()
      stream = try makeStream(LayerStream.Storage(path: states?.path))
      try wrapping(EvaluationError.states, try stream.embed(embedding))
    }
    let layers = LayerQueue(loader, layers: stream.boundary..<configuration.layerCount)
    for index in stream.boundary..<configuration.layerCount {
      onLayer(index, configuration.layerCount)
      let layer = try wrapping(EvaluationError.opening, try layers.next())
      try wrapping(EvaluationError.states, try stream.advance(through: layer))
      try states?.note(stream)
    }
    onLayer(configuration.layerCount, configuration.layerCount)
  }

  package func begin(at index: Int) { next = index % plan.steps.count }

  /// The steps may be requested again from the first one on.
  package func logits(of step: ScoringPlan.Step) throws(EvaluationError) -> UnsafeBufferPointer<Float> {
    precondition(plan.steps[next] == step, "steps come in their order")
    try wrapping(EvaluationError.states, try stream.load(next))
    next = (next + 1) % plan.steps.count
    let rows = step.batch.logitRows
    output.run(stream.scratch.pointer, rows: rows, head: head, into: logits.pointer)
    return UnsafeBufferPointer(
      start: logits.pointer, count: rows.count * stream.configuration.vocabularySize)
  }
}

extension EvaluationError {
  fileprivate static func opening(_ error: ModelError) -> EvaluationError { .model(error.description) }

  static func states(_ failure: HiddenStates.Failure) -> EvaluationError {
    let advice = failure.isTemporary ? "" : "; the report may be written into another folder"
    return .model(
      "expected to keep the text's hidden states in \(failure.path), found: \(failure.reason)\(advice)")
  }
}
