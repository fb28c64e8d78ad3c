package import QuireTensors

/// Runs a model on batches of rows. All memory is planned at creation; `run` allocates nothing.
///
/// The bits of a row's logits depend only on its sequence's tokens: not on the other rows of the batch, how a
/// prompt is divided into steps, or how many threads compute.
// Unchecked: used by one thread at a time.
package final class ForwardPass: @unchecked Sendable {
  package let model: Model
  package let cache: KeyValueCache
  package let compute: Compute
  package let maximumRows: Int
  package let maximumLogitRows: Int

  private let runner: LayerRunner
  private let output: OutputLayer
  private let hidden: HostBuffer<Float>  // (row, hidden)
  private let logits: HostBuffer<Float>  // (logit row, vocabulary)
  /// What a draft head reads of the last batch; nil without one.
  package let features: FeatureRows?

  /// - Parameters:
  ///   - maximumRows: the most rows of a batch.
  ///   - maximumLogitRows: the most rows of a batch with logits; all of them when left out.
  ///   - featureLayers: how many layers are run before each hidden state is kept for a draft head; none are kept when left
  ///     out.
  package init(
    model: Model, cache: KeyValueCache, compute: Compute, maximumRows: Int, maximumLogitRows: Int? = nil,
    featureLayers: [Int] = []
  ) {
    let configuration = model.configuration
    self.model = model
    self.cache = cache
    self.compute = compute
    self.maximumRows = maximumRows
    self.maximumLogitRows = maximumLogitRows ?? maximumRows
    runner = LayerRunner(configuration, compute: compute, maximumRows: maximumRows)
    output = OutputLayer(
      finalNorm: model.finalNorm, configuration: configuration, compute: compute,
      maximumRows: self.maximumLogitRows)
    hidden = HostBuffer(count: maximumRows * configuration.hiddenSize)
    logits = HostBuffer(count: self.maximumLogitRows * configuration.vocabularySize)
    features =
      featureLayers.isEmpty
      ? nil
      : FeatureRows(layers: featureLayers, hiddenSize: configuration.hiddenSize, maximumRows: maximumRows)
  }

  /// Bytes of a pass of this size besides weights and cache.
  package static func workspaceBytes(
    _ configuration: ModelConfiguration, maximumRows: Int, maximumLogitRows: Int
  ) -> Int {
    let head = MatrixInput.byteCount(
      maximumRows: maximumLogitRows, maximumColumns: configuration.hiddenSize)
    return LayerRunner.workspaceBytes(configuration, maximumRows: maximumRows)
      + 4 * maximumRows * configuration.hiddenSize
      + 4 * maximumLogitRows * (configuration.hiddenSize + configuration.vocabularySize) + head
  }

  /// Bytes of the float buffers that this pass holds.
  package var bufferBytes: Int {
    runner.bufferBytes + output.bufferBytes + hidden.byteCount + logits.byteCount
      + (features?.byteCount ?? 0)
  }

  /// Runs the batch, stores its keys and values in the cache, and returns the logits of `batch.logitRows`: (logit
  /// row, vocabulary), valid until the next run.
  /// - Parameter onLayer: receives the hidden states, (row, hidden), before the first layer and after each one.
  @discardableResult
  package func run(
    _ batch: ForwardBatch, onLayer: ((_ layersDone: Int, UnsafeBufferPointer<Float>) -> Void)? = nil
  ) -> UnsafeBufferPointer<Float> {
    precondition(batch.logitRows.count <= maximumLogitRows, "more logit rows than planned")
    runner.begin(batch, cache: cache)
    embed(batch.tokens, into: hidden.pointer)
    let rows = UnsafeBufferPointer(
      start: hidden.pointer, count: batch.tokens.count * model.configuration.hiddenSize)
    onLayer?(0, rows)
    features?.keep(rows, layersDone: 0)
    for (index, weights) in model.layers.enumerated() {
      runner.run(weights, layer: index, hidden: hidden.pointer)
      onLayer?(index + 1, rows)
      features?.keep(rows, layersDone: index + 1)
    }
    runner.end()
    output.run(hidden.pointer, rows: batch.logitRows, head: model.head, into: logits.pointer)
    return UnsafeBufferPointer(
      start: logits.pointer, count: batch.logitRows.count * model.configuration.vocabularySize)
  }

  /// Writes the embeddings of `tokens`, (row, hidden).
  private func embed(_ tokens: [Int32], into rows: UnsafeMutablePointer<Float>) {
    compute.team.run(with: (self, tokens, rows)) { work, thread, count in
      let (pass, tokens, rows) = work
      let share = ThreadTeam.range(of: tokens.count, share: thread, count: count)
      let width = pass.model.configuration.hiddenSize
      pass.model.embedding.embed(
        tokens[share], into: rows + share.lowerBound * width, kernels: pass.compute.kernels)
    }
  }
}

extension WeightMatrix {
  /// Writes the matrix rows of `tokens`, (token, column). Precondition: token ids are rows of the matrix.
  package func embed(
    _ tokens: some Collection<Int32>, into rows: UnsafeMutablePointer<Float>, kernels: Kernels
  ) {
    for (index, token) in tokens.enumerated() {
      dequantizeRow(Int(token), into: rows + index * columns, kernels: kernels)
    }
  }
}
