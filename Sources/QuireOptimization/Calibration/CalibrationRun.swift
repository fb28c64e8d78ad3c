package import QuireModel
package import QuireTensors

/// The calibration windows on their way through the model, one layer at a time.
///
///     let run = CalibrationRun(set, embedding: embedding, configuration: configuration, compute: compute)
///     for layer in layers {
///       let gram = run.attentionGram(of: layer)   // what the layer sees
///       run.advance(through: optimized(layer))    // what the next one will see
///     }
///
/// Holds the hidden rows of all windows and the workspace of one; never the model.
package final class CalibrationRun {
  private let configuration: ModelConfiguration
  private let windows: [CalibrationSet.Window]
  private let hidden: [HostBuffer<Float>]  // per window: (token, hidden)
  private let scratch: HostBuffer<Float>  // (token, hidden)
  private let runner: LayerRunner
  private let blockCount: Int

  /// Embeds the windows. `configuration` must bound the shapes of all layers that will run.
  package init(
    _ set: CalibrationSet, embedding: WeightMatrix, configuration: ModelConfiguration, compute: Compute
  ) {
    self.configuration = configuration
    windows = set.windows
    let rows = set.windows.map(\.tokenCount).max() ?? 0
    hidden = set.windows.map { window in
      let rows = HostBuffer<Float>(count: window.tokenCount * configuration.hiddenSize)
      embedding.embed(window.sequences.flatMap { $0 }, into: rows.pointer, kernels: compute.kernels)
      return rows
    }
    scratch = HostBuffer(count: rows * configuration.hiddenSize)
    runner = LayerRunner(configuration, compute: compute, maximumRows: max(1, rows))
    blockCount = set.windows.map { Self.blockCount(of: $0) }.max() ?? 0
  }

  /// The Gram matrix `XᵀX/N` of what the layer's output projection reads, (k, k) with k = query heads × head
  /// size. The hidden rows stay as they are.
  package func attentionGram(of layer: LayerWeights) -> HostBuffer<Float> {
    let width = layer.shape.queryHeadCount * configuration.headSize
    let gram = HostBuffer<Float>(count: width * width)
    let view = MatrixView(gram, rows: width, columns: width)
    let attention = layer.withoutPerceptron(hiddenSize: configuration.hiddenSize)
    let cache = cache(for: attention.shape)
    var tokens = 0
    for (window, rows) in zip(windows, hidden) {
      scratch.pointer.update(from: rows.pointer, count: rows.count)
      runner.begin(Self.batch(of: window), cache: cache)
      runner.run(attention, layer: 0, hidden: scratch.pointer) { site, values in
        guard site == .attentionOutput, let base = values.baseAddress else { return }
        let inputs = MatrixView(
          UnsafeMutablePointer(mutating: base), rows: values.count / width, columns: width)
        DenseAlgebra.addGram(of: inputs, to: view)
      }
      tokens += window.tokenCount
    }
    DenseAlgebra.mirrorUpper(view)
    let share = 1 / Float(max(1, tokens))
    for index in 0..<gram.count { gram.pointer[index] *= share }
    return gram
  }

  /// Replaces the hidden rows by what the layer makes of them.
  package func advance(through layer: LayerWeights) {
    let cache = cache(for: layer.shape)
    for (window, rows) in zip(windows, hidden) {
      runner.begin(Self.batch(of: window), cache: cache)
      runner.run(layer, layer: 0, hidden: rows.pointer)
    }
  }

  /// Bytes that a run of these settings holds.
  package static func byteCount(
    _ settings: CalibrationSettings, _ configuration: ModelConfiguration, threadCount: Int
  ) -> Int {
    let tokens = settings.windowTokens
    // Documents of one token each would take a block each; ordinary ones end in one half-filled block.
    let blocks = 2 * KeyValueCache.blockCount(positions: tokens)
    let oneLayer = configuration.replacingLayers([configuration.layers[0]])
    return (settings.windowCount + 1) * tokens * configuration.hiddenSize * 4
      + LayerRunner.workspaceBytes(configuration, maximumRows: tokens, threadCount: threadCount)
      + blocks * KeyValueCache.blockBytes(oneLayer, element: .float32)
  }

  /// A cache of one layer, used over and over: windows do not see each other.
  private func cache(for shape: LayerShape) -> KeyValueCache {
    KeyValueCache(configuration.replacingLayers([shape]), blockCount: blockCount, element: .float32)
  }

  private static func blockCount(of window: CalibrationSet.Window) -> Int {
    window.sequences.reduce(0) { $0 + KeyValueCache.blockCount(positions: $1.count) }
  }

  private static func batch(of window: CalibrationSet.Window) -> ForwardBatch {
    var nextBlock: Int32 = 0
    let slices = window.sequences.map { sequence in
      let count = Int32(KeyValueCache.blockCount(positions: sequence.count))
      defer { nextBlock += count }
      return ForwardBatch.Slice(
        rowCount: sequence.count, firstPosition: 0, blocks: Array(nextBlock..<(nextBlock + count)))
    }
    return ForwardBatch(tokens: window.sequences.flatMap { $0 }, sequences: slices, logitRows: [])
  }
}

extension LayerWeights {
  /// The layer with an MLP of the smallest size that adds nothing: four fifths of a layer's work are saved where
  /// only the attention is looked at.
  fileprivate func withoutPerceptron(hiddenSize: Int) -> LayerWeights {
    let width = 32
    func zeros(_ rows: Int, _ columns: Int) -> WeightMatrix {
      .dense(DenseMatrix(rows: rows, columns: columns, values: HostBuffer(count: rows * columns)))
    }
    return LayerWeights(
      shape: LayerShape(
        keyValueHeadCount: shape.keyValueHeadCount, keyValueHeadOfQueryHead: shape.keyValueHeadOfQueryHead,
        intermediateSize: width),
      inputNorm: inputNorm, queryProjection: queryProjection, keyProjection: keyProjection,
      valueProjection: valueProjection, queryNorm: queryNorm, keyNorm: keyNorm,
      outputProjection: outputProjection, postAttentionNorm: postAttentionNorm,
      gateProjection: zeros(width, hiddenSize), upProjection: zeros(width, hiddenSize),
      downProjection: zeros(hiddenSize, width))
  }
}
