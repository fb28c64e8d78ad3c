package import QuireModel
package import QuireTensors

/// The calibration windows on their way through the model, one layer at a time.
///
///     let run = try CalibrationRun(set, embedding: embedding, configuration: configuration, compute: compute)
///     for layer in layers {
///       let gram = try run.gram(at: .attentionOutput, of: layer)  // what the layer's output projection sees
///       try run.advance(through: optimized(layer))                // what the next layer will see
///     }
///
/// Holds the workspace of one window; the hidden rows of all are in a file. Never the model.
package final class CalibrationRun: ActivationStatistics {
  private let configuration: ModelConfiguration
  private let windows: [CalibrationSet.Window]
  private let rows: HiddenRows
  private let scratch: HostBuffer<Float>  // (token, hidden)
  private let runner: LayerRunner
  private let blockCount: Int
  /// The half of the layer that comes next for the hidden rows.
  private var next = LayerHalf.attention

  /// Embeds the windows. `configuration` must bound the shapes of all layers that will run.
  ///
  /// - Parameter path: the pack beside which the hidden rows are kept; nil for a temporary file.
  package convenience init(
    _ set: CalibrationSet, embedding: WeightMatrix, configuration: ModelConfiguration, compute: Compute,
    besidePack path: String? = nil
  ) throws(OptimizationError) {
    let rows = try HiddenRows(
      counts: set.windows.map { $0.tokenCount * configuration.hiddenSize },
      path: path.map(HiddenRows.path(beside:)))
    self.init(set, rows, configuration, compute)
    for window in windows {
      embedding.embed(
        window.sequences.flatMap { $0 }, into: scratch.pointer, kernels: compute.kernels)
      try rows.append(scratch)
    }
  }

  /// Goes on with the rows that an earlier run has left beside the pack at `path` after `boundary` layers; nil when
  /// they are gone or not those of that hash.
  convenience init?(
    resuming set: CalibrationSet, besidePack path: String, boundary: Int, hash: UInt64,
    configuration: ModelConfiguration, compute: Compute
  ) {
    let counts = set.windows.map { $0.tokenCount * configuration.hiddenSize }
    guard
      let rows = try? HiddenRows(
        counts: counts, path: HiddenRows.path(beside: path), boundary: boundary,
        filledCount: counts.count),
      (try? rows.hash()) == hash
    else { return nil }
    self.init(set, rows, configuration, compute)
  }

  private init(
    _ set: CalibrationSet, _ rows: HiddenRows, _ configuration: ModelConfiguration, _ compute: Compute
  ) {
    self.configuration = configuration
    self.rows = rows
    windows = set.windows
    let tokens = max(1, set.windows.map(\.tokenCount).max() ?? 0)
    scratch = HostBuffer(count: tokens * configuration.hiddenSize)
    runner = LayerRunner(configuration, compute: compute, maximumRows: tokens)
    blockCount = set.windows.map { Self.blockCount(of: $0) }.max() ?? 0
  }

  /// Whether the rows outlive this object, for a later run to go on with.
  var keepsRows: Bool {
    get { rows.isKept }
    set { rows.isKept = newValue }
  }

  /// The hash of the rows between two layers, which are on the disk then.
  func seal() throws(OptimizationError) -> UInt64 { try rows.seal() }

  /// The Gram matrices at several sites of one layer, all as its present weights leave them, in one pass. The hidden
  /// rows stay as they are.
  ///
  /// Precondition: the windows have not been through the half of the layer that a site belongs to.
  package func grams(
    at sites: [ActivationSite], of layer: LayerWeights
  ) throws(OptimizationError) -> [ActivationSite: GramMatrix] {
    guard let last = ActivationSite.allCases.last(where: sites.contains) else { return [:] }
    precondition(
      next == .attention || sites.allSatisfy { $0.half == .mlp },
      "the windows have been through this attention")
    var accumulators = accumulators(at: sites, of: layer)
    let cache = cache(for: layer.shape)
    for (index, window) in windows.enumerated() {
      try rows.load(index, into: scratch)
      runner.begin(Self.batch(of: window), cache: cache)
      runner.run(layer, layer: 0, hidden: scratch.pointer, only: remaining, upTo: last) {
        accumulators[$0]?.add($1)
      }
    }
    return accumulators.mapValues { $0.finish() }
  }

  /// The Gram matrices at every site of one layer, and the windows behind it, in one pass for both.
  func gramsAdvancing(
    through layer: LayerWeights
  ) throws(OptimizationError) -> [ActivationSite: GramMatrix] {
    precondition(next == .attention, "the windows have been through this attention")
    var accumulators = accumulators(at: ActivationSite.allCases, of: layer)
    try run(layer, only: nil) { accumulators[$0]?.add($1) }
    return accumulators.mapValues { $0.finish() }
  }

  private func accumulators(
    at sites: [ActivationSite], of layer: LayerWeights
  ) -> [ActivationSite: GramAccumulator] {
    var accumulators: [ActivationSite: GramAccumulator] = [:]
    for site in sites {
      accumulators[site] = GramAccumulator(
        order: site.width(in: layer.shape, configuration), team: runner.compute.team)
    }
    return accumulators
  }

  /// Nothing to do: the windows see what the layer's present weights make.
  package func follow(_ change: ActivationChange, at site: ActivationSite) {}

  /// The mean over all tokens of the hidden row's squared length.
  package func meanSquare() throws(OptimizationError) -> Double {
    var (sum, tokens) = (0.0, 0)
    for (index, window) in windows.enumerated() {
      try rows.load(index, into: scratch)
      sum += DenseAlgebra.dot(
        scratch.pointer, scratch.pointer, count: window.tokenCount * configuration.hiddenSize)
      tokens += window.tokenCount
    }
    return sum / Double(max(1, tokens))
  }

  /// Replaces the hidden rows by what the layer's attention makes of them; its MLP is still to come.
  package func advance(throughAttentionOf layer: LayerWeights) throws(OptimizationError) {
    precondition(next == .attention, "the windows have been through this attention")
    try run(layer, only: .attention)
    next = .mlp
  }

  /// Replaces the hidden rows by what the layer makes of them: the whole, or what `advance(throughAttentionOf:)`
  /// has left of it.
  package func advance(through layer: LayerWeights) throws(OptimizationError) {
    try run(layer, only: remaining)
    next = .attention
  }

  /// The half that is left of the layer; nil for both.
  private var remaining: LayerHalf? { next == .attention ? nil : .mlp }

  private func run(
    _ layer: LayerWeights, only half: LayerHalf?, observer: ActivationObserver? = nil
  ) throws(OptimizationError) {
    let cache = cache(for: layer.shape)
    try rows.advance(scratch, endsLayer: half != .attention) { window in
      runner.begin(Self.batch(of: windows[window]), cache: cache)
      runner.run(layer, layer: 0, hidden: scratch.pointer, only: half, observer: observer)
    }
  }

  /// Bytes of the file that holds the hidden rows, twice.
  package static func diskBytes(
    _ settings: CalibrationSettings, _ configuration: ModelConfiguration
  ) -> Int {
    2 * settings.windowCount * settings.windowTokens * configuration.hiddenSize * 4
  }

  /// Bytes that a run of these settings holds in memory.
  package static func byteCount(
    _ settings: CalibrationSettings, _ configuration: ModelConfiguration
  ) -> Int {
    let tokens = settings.windowTokens
    // Documents of one token each would take a block each; ordinary ones end in one half-filled block.
    let blocks = 2 * KeyValueCache.blockCount(positions: tokens)
    let oneLayer = configuration.replacingLayers([configuration.layers[0]])
    return tokens * configuration.hiddenSize * 4
      + LayerRunner.workspaceBytes(configuration, maximumRows: tokens)
      + blocks * KeyValueCache.blockBytes(oneLayer, element: .float32)
  }

  /// A cache of one layer, used over and over: windows do not see each other.
  private func cache(for shape: LayerShape) -> KeyValueCache {
    KeyValueCache(configuration.replacingLayers([shape]), blockCount: blockCount, element: .float32)
  }

  static func blockCount(of window: CalibrationSet.Window) -> Int {
    window.sequences.reduce(0) { $0 + KeyValueCache.blockCount(positions: $1.count) }
  }

  static func batch(of window: CalibrationSet.Window) -> ForwardBatch {
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
