import QuireFiles
package import QuireCheckpoints
import QuireModel
package import QuireTensors

/// A checkpoint that need not fit into memory: all steps of a plan go through its first layer, then through the
/// second, and so on; what they have become lies in a file. Holds two layers, then the head, never the model.
///
/// The hidden rows behind the last layer are kept, so that every comparison with this reference costs the head alone.
/// The bits are those of a model in memory.
package final class StreamedPredictor: Predictor {
  private let plan: ScoringPlan
  private let configuration: ModelConfiguration
  private let compute: Compute
  private let rows: ScratchFile  // (token, hidden)
  private let offsets: [Int]  // tokens before each step
  private let hidden: HostBuffer<Float>  // (row, hidden)
  private let normed: HostBuffer<Float>  // (logit row, hidden)
  private let logits: HostBuffer<Float>  // (logit row, vocabulary)
  private let input: MatrixInput
  private let finalNorm: HostBuffer<Float>
  private let head: WeightMatrix
  private var next = 0

  /// Runs all layers.
  ///
  /// - Parameter onLayer: called with layers done and in all.
  package init(
    _ checkpoint: Checkpoint, plan: ScoringPlan, compute: Compute,
    onLayer: (_ done: Int, _ total: Int) -> Void
  ) throws(EvaluationError) {
    // Embedding and head stay in the mapped file: of the one a few rows are read, the other is read over and over.
    let mapped = try sentence { () throws(ModelError) in try LayerLoader(checkpoint) }
    let configuration = mapped.configuration
    self.configuration = configuration
    self.plan = plan
    self.compute = compute
    offsets = plan.steps.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.batch.tokens.count) }
    hidden = HostBuffer(count: plan.maximumRows * configuration.hiddenSize)
    normed = HostBuffer(count: plan.maximumLogitRows * configuration.hiddenSize)
    logits = HostBuffer(count: plan.maximumLogitRows * configuration.vocabularySize)
    input = MatrixInput(maximumRows: plan.maximumLogitRows, maximumColumns: configuration.hiddenSize)
    rows = try sentence { () throws(FileFailure) in try ScratchFile() }
    finalNorm = try sentence { () throws(ModelError) in try mapped.finalNorm(of: configuration) }
    let embedding = try sentence { () throws(ModelError) in try mapped.embedding(of: configuration) }
    head = try sentence { () throws(ModelError) in try mapped.head(of: configuration) } ?? embedding
    try embed(embedding)
    let copying = try sentence { () throws(ModelError) in try LayerLoader(checkpoint, hashes: TensorHashes())
    }
    let layers = LayerQueue(copying, layers: 0..<configuration.layerCount)
    let runner = LayerRunner(configuration, compute: compute, maximumRows: plan.maximumRows)
    for index in 0..<configuration.layerCount {
      onLayer(index, configuration.layerCount)
      try run(try sentence { () throws(ModelError) in try layers.next() }, runner)
    }
    onLayer(configuration.layerCount, configuration.layerCount)
  }

  /// The steps may be asked for again from the first one on.
  package func logits(of step: ScoringPlan.Step) throws(EvaluationError) -> UnsafeBufferPointer<Float> {
    precondition(plan.steps[next] == step, "steps come in their order")
    try load(next)
    next = (next + 1) % plan.steps.count
    let width = configuration.hiddenSize
    for (index, row) in step.batch.logitRows.enumerated() {
      compute.kernels.rmsNorm(
        hidden.pointer + row * width, weight: finalNorm.pointer, into: normed.pointer + index * width,
        count: width, epsilon: configuration.rmsNormEpsilon)
    }
    input.set(rows: normed.pointer, count: step.batch.logitRows.count, columns: width)
    compute.multiply(input, MatrixProduct(head, into: logits.pointer))
    return UnsafeBufferPointer(
      start: logits.pointer, count: step.batch.logitRows.count * configuration.vocabularySize)
  }

  private func embed(_ embedding: WeightMatrix) throws(EvaluationError) {
    for (index, step) in plan.steps.enumerated() {
      embedding.embed(step.batch.tokens, into: hidden.pointer, kernels: compute.kernels)
      try store(index)
    }
  }

  /// Takes all steps through one layer. A window that is cut into steps finds its earlier pieces in the cache.
  private func run(_ layer: LayerWeights, _ runner: LayerRunner) throws(EvaluationError) {
    let cache = KeyValueCache(
      configuration.replacingLayers([layer.shape]), blockCount: plan.blockCount, element: .float32)
    for (index, step) in plan.steps.enumerated() {
      try load(index)
      runner.begin(step.batch, cache: cache)
      runner.run(layer, layer: 0, hidden: hidden.pointer)
      runner.end()
      try store(index)
    }
  }

  private func load(_ step: Int) throws(EvaluationError) {
    let bytes = UnsafeMutableRawBufferPointer(rebasing: hidden.bytes.prefix(byteCount(step)))
    try sentence { () throws(FileFailure) in try rows.read(at: offset(step), into: bytes) }
  }

  private func store(_ step: Int) throws(EvaluationError) {
    let bytes = UnsafeRawBufferPointer(rebasing: hidden.bytes.prefix(byteCount(step)))
    try sentence { () throws(FileFailure) in try rows.write(bytes, at: offset(step)) }
  }

  private func offset(_ step: Int) -> Int { 4 * configuration.hiddenSize * offsets[step] }
  private func byteCount(_ step: Int) -> Int { offset(step + 1) - offset(step) }
}

/// Passes another module's error on as its sentence.
private func sentence<Value, Failure: Error & CustomStringConvertible>(
  _ body: () throws(Failure) -> Value
) throws(EvaluationError) -> Value {
  do throws(Failure) {
    return try body()
  } catch {
    guard let failure = error as? FileFailure else { throw .model(error.description) }
    throw .model(
      "expected room for the text's hidden rows among the temporary files, found: \(failure.reason); "
        + "make room or set TMPDIR")
  }
}
