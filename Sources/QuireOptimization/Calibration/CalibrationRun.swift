package import QuireModel
package import QuireTensors

/// The calibration windows on their way through the model, one layer at a time.
///
///     let run = CalibrationRun(set, embedding: embedding, configuration: configuration, compute: compute)
///     for layer in layers {
///       let gram = run.gram(at: .attentionOutput, of: layer)  // what the layer's output projection sees
///       run.advance(through: optimized(layer))                // what the next layer will see
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
  private var place = Place.beforeAttention

  /// Which half of the layer comes next for the hidden rows.
  private enum Place { case beforeAttention, beforePerceptron }

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

  /// The Gram matrix of what the layer's matrices read at `site`. The hidden rows stay as they are.
  ///
  /// Precondition: the windows have not been through the half of the layer that the site belongs to.
  package func gram(at site: ActivationSite, of layer: LayerWeights) -> GramMatrix {
    guard let gram = grams(at: [site], of: layer)[site] else { preconditionFailure("a site was asked for") }
    return gram
  }

  /// The Gram matrices at several sites of one layer, all as its present weights leave them, in one pass.
  package func grams(
    at sites: [ActivationSite], of layer: LayerWeights
  ) -> [ActivationSite: GramMatrix] {
    guard let last = ActivationSite.allCases.last(where: sites.contains) else { return [:] }
    let part = part(of: layer, upTo: last)
    var accumulators: [ActivationSite: GramAccumulator] = [:]
    for site in sites {
      accumulators[site] = GramAccumulator(
        order: site.width(in: layer.shape, configuration), team: runner.compute.team)
    }
    let cache = cache(for: part.shape)
    for (window, rows) in zip(windows, hidden) {
      scratch.pointer.update(from: rows.pointer, count: rows.count)
      runner.begin(Self.batch(of: window), cache: cache)
      runner.run(part, layer: 0, hidden: scratch.pointer) { accumulators[$0]?.add($1) }
    }
    return accumulators.mapValues { $0.finish() }
  }

  /// Replaces the hidden rows by what the layer's attention makes of them; its MLP is still to come.
  package func advance(throughAttentionOf layer: LayerWeights) {
    precondition(place == .beforeAttention, "the windows have been through this attention")
    run(layer.withoutPerceptron(hiddenSize: configuration.hiddenSize))
    place = .beforePerceptron
  }

  /// Replaces the hidden rows by what the layer makes of them: the whole, or what `advance(throughAttentionOf:)`
  /// has left of it.
  package func advance(through layer: LayerWeights) {
    run(place == .beforeAttention ? layer : layer.withoutAttention(configuration))
    place = .beforeAttention
  }

  private func run(_ layer: LayerWeights) {
    let cache = cache(for: layer.shape)
    for (window, rows) in zip(windows, hidden) {
      runner.begin(Self.batch(of: window), cache: cache)
      runner.run(layer, layer: 0, hidden: rows.pointer)
    }
  }

  /// The layer with everything silenced that the activations at `site` do not depend on.
  private func part(of layer: LayerWeights, upTo site: ActivationSite) -> LayerWeights {
    let isPerceptronNeeded = site == .mlpOutput
    let isAttentionNeeded: Bool
    switch place {
    case .beforeAttention: isAttentionNeeded = site != .attentionInput
    case .beforePerceptron:
      precondition(site == .mlpInput || site == .mlpOutput, "the windows have been through this attention")
      isAttentionNeeded = false
    }
    let upper = isAttentionNeeded ? layer : layer.withoutAttention(configuration)
    return isPerceptronNeeded ? upper : upper.withoutPerceptron(hiddenSize: configuration.hiddenSize)
  }

  /// Bytes that a run of these settings holds.
  package static func byteCount(
    _ settings: CalibrationSettings, _ configuration: ModelConfiguration
  ) -> Int {
    let tokens = settings.windowTokens
    // Documents of one token each would take a block each; ordinary ones end in one half-filled block.
    let blocks = 2 * KeyValueCache.blockCount(positions: tokens)
    let oneLayer = configuration.replacingLayers([configuration.layers[0]])
    return (settings.windowCount + 1) * tokens * configuration.hiddenSize * 4
      + LayerRunner.workspaceBytes(configuration, maximumRows: tokens)
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
