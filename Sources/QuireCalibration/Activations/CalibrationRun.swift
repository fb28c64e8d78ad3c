import QuireCheckpoints
import QuireFiles
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
  let configuration: ModelConfiguration
  private let windows: [CalibrationSet.Window]
  let rows: HiddenRows
  let scratch: HostBuffer<Float>  // (token, hidden)
  let runner: LayerRunner
  private let blockCount: Int
  /// The half of the layer that comes next for the hidden rows.
  private(set) var next = LayerHalf.attention
  /// The same windows on their way through the layers as the checkpoint has them, for steps that steer by them.
  package private(set) var reference: CalibrationRun?

  /// Embeds the windows. `configuration` must bound the shapes of all layers that will run.
  ///
  /// - Parameters:
  ///   - referenceEmbedding: the checkpoint's own, when its hidden rows are wanted beside the optimized ones
  ///   - path: the pack beside which the hidden rows are kept; nil for a temporary file.
  package convenience init(
    _ set: CalibrationSet, embedding: WeightMatrix, referenceEmbedding: WeightMatrix? = nil,
    configuration: ModelConfiguration, compute: Compute, besidePack path: String? = nil
  ) throws(CalibrationError) {
    let rows = try HiddenRows(
      counts: Self.counts(set, configuration), path: path.map(HiddenRows.path(beside:)))
    self.init(set, rows, configuration, Self.runner(set, configuration, compute))
    try embed(embedding)
    guard let referenceEmbedding else { return }
    let others = try HiddenRows(
      counts: Self.counts(set, configuration), path: path.map(HiddenRows.referencePath(beside:)),
      canRewind: true)
    let reference = CalibrationRun(set, others, configuration, runner)
    try reference.embed(referenceEmbedding)
    self.reference = reference
  }

  /// Goes on with the rows that an earlier run has left beside the pack at `path` after `boundary` layers; nil when
  /// they are gone or not those of that hash.
  package convenience init?(
    resuming set: CalibrationSet, besidePack path: String, boundary: Int, hash: UInt64,
    withReference: Bool = false, configuration: ModelConfiguration, compute: Compute
  ) {
    func rows(_ path: String) -> HiddenRows? {
      let counts = Self.counts(set, configuration)
      return try? HiddenRows(counts: counts, path: path, boundary: boundary, filledCount: counts.count)
    }
    guard let own = rows(HiddenRows.path(beside: path)), var found = try? own.hash() else { return nil }
    self.init(set, own, configuration, Self.runner(set, configuration, compute))
    if withReference {
      guard let others = rows(HiddenRows.referencePath(beside: path)), let other = try? others.hash() else {
        return nil
      }
      found = Self.hash(found, other)
      reference = CalibrationRun(set, others, configuration, runner)
    }
    guard found == hash else { return nil }
  }

  private init(
    _ set: CalibrationSet, _ rows: HiddenRows, _ configuration: ModelConfiguration, _ runner: LayerRunner
  ) {
    self.configuration = configuration
    self.rows = rows
    self.runner = runner
    windows = set.windows
    scratch = HostBuffer(count: runner.maximumRows * configuration.hiddenSize)
    blockCount = set.windows.map { Self.blockCount(of: $0) }.max() ?? 0
  }

  private static func counts(_ set: CalibrationSet, _ configuration: ModelConfiguration) -> [Int] {
    set.windows.map { $0.tokenCount * configuration.hiddenSize }
  }

  private static func runner(
    _ set: CalibrationSet, _ configuration: ModelConfiguration, _ compute: Compute
  ) -> LayerRunner {
    LayerRunner(
      configuration, compute: compute, maximumRows: max(1, set.windows.map(\.tokenCount).max() ?? 0))
  }

  private func embed(_ embedding: WeightMatrix) throws(CalibrationError) {
    for window in windows {
      embedding.embed(
        window.sequences.flatMap { $0 }, into: scratch.pointer, kernels: runner.compute.kernels)
      try rows.append(scratch)
    }
  }

  /// Whether the rows outlive this object, for a later run to go on with.
  package var keepsRows: Bool {
    get { rows.isKept }
    set {
      rows.isKept = newValue
      reference?.rows.isKept = newValue
    }
  }

  /// The hash of the rows between two layers, which are on the disk then; one of both with the reference's.
  package func seal(withReference: Bool = false) throws(CalibrationError) -> UInt64 {
    let own = try rows.seal()
    guard withReference, let reference else { return own }
    return Self.hash(own, try reference.rows.seal())
  }

  private static func hash(_ own: UInt64, _ reference: UInt64) -> UInt64 {
    var both = ContentHash()
    withUnsafeBytes(of: (own.littleEndian, reference.littleEndian)) { both.update($0) }
    return both.value
  }

  /// The Gram matrices at several sites of one layer, all as its present weights leave them, in one pass. The hidden
  /// rows stay as they are.
  ///
  /// Precondition: the windows have not been through the half of the layer that a site belongs to.
  package func grams(
    at sites: [ActivationSite], of layer: LayerWeights
  ) throws(CalibrationError) -> [ActivationSite: GramMatrix] {
    guard let last = ActivationSite.allCases.last(where: sites.contains) else { return [:] }
    precondition(
      next == .attention || sites.allSatisfy { $0.half == .mlp },
      "the windows have been through this attention")
    var accumulators = accumulators(at: sites, of: layer)
    try pass(layer, upTo: last) { accumulators[$0]?.add($1) }
    return accumulators.mapValues { $0.finish() }
  }

  /// Shows what every window makes of the layer up to `last`; the hidden rows in the file stay as they are.
  ///
  /// - Parameter prepare: called before each window
  func pass(
    _ layer: LayerWeights, upTo last: ActivationSite,
    prepare: (_ window: Int) throws(CalibrationError) -> Void = { _ in },
    _ observer: @escaping ActivationObserver
  ) throws(CalibrationError) {
    let cache = cache(for: layer.shape)
    for (index, window) in windows.enumerated() {
      try prepare(index)
      try rows.load(index, into: scratch)
      runner.begin(Self.batch(of: window), cache: cache)
      runner.run(
        layer, layer: 0, hidden: scratch.pointer, only: remaining, upTo: last, observer: observer)
    }
  }

  /// The Gram matrices at every site of one layer, and the windows behind it, in one pass for both.
  func gramsAdvancing(
    through layer: LayerWeights
  ) throws(CalibrationError) -> [ActivationSite: GramMatrix] {
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
  package func meanSquare() throws(CalibrationError) -> Double {
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
  package func advance(throughAttentionOf layer: LayerWeights) throws(CalibrationError) {
    precondition(next == .attention, "the windows have been through this attention")
    try run(layer, only: .attention)
    next = .mlp
  }

  /// Replaces the hidden rows by what the layer makes of them: the whole, or what `advance(throughAttentionOf:)`
  /// has left of it.
  package func advance(through layer: LayerWeights) throws(CalibrationError) {
    try run(layer, only: remaining)
    next = .attention
  }

  /// The half that is left of the layer; nil for both.
  private var remaining: LayerHalf? { next == .attention ? nil : .mlp }

  private func run(
    _ layer: LayerWeights, only half: LayerHalf?, observer: ActivationObserver? = nil
  ) throws(CalibrationError) {
    let cache = cache(for: layer.shape)
    try rows.advance(scratch, endsLayer: half != .attention) { window in
      runner.begin(Self.batch(of: windows[window]), cache: cache)
      runner.run(layer, layer: 0, hidden: scratch.pointer, only: half, observer: observer)
    }
  }

  /// Goes back to the rows that a layer began with. Precondition: no layer has been begun since.
  func rewind(to boundary: Int) {
    rows.rewind(to: boundary)
    next = .attention
  }

  /// Bytes of the files that hold the hidden rows, twice each.
  package static func diskBytes(
    _ settings: CalibrationSettings, _ configuration: ModelConfiguration, withReference: Bool = false
  ) -> Int {
    (withReference ? 2 : 1) * 2 * settings.windowCount * settings.windowTokens * configuration.hiddenSize * 4
  }

  /// Bytes that a run of these settings holds in memory.
  package static func byteCount(
    _ settings: CalibrationSettings, _ configuration: ModelConfiguration, withReference: Bool = false
  ) -> Int {
    let tokens = settings.windowTokens
    // Documents of one token each would take a block each; ordinary ones end in one half-filled block.
    let blocks = 2 * KeyValueCache.blockCount(positions: tokens)
    let oneLayer = configuration.replacingLayers([configuration.layers[0]])
    return (withReference ? 2 : 1) * tokens * configuration.hiddenSize * 4
      + LayerRunner.workspaceBytes(configuration, maximumRows: tokens)
      + blocks * KeyValueCache.blockBytes(oneLayer, element: .float32)
  }

  /// A cache of one layer, used over and over: windows do not see each other.
  private func cache(for shape: LayerShape) -> KeyValueCache {
    KeyValueCache(configuration.replacingLayers([shape]), blockCount: blockCount, element: .float32)
  }

  package static func blockCount(of window: CalibrationSet.Window) -> Int {
    window.sequences.reduce(0) { $0 + KeyValueCache.blockCount(positions: $1.count) }
  }

  package static func batch(of window: CalibrationSet.Window) -> ForwardBatch {
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
