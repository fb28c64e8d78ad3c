import QuireFiles
import QuireCheckpoints
package import QuireModel
package import QuireTensors

/// A few windows on their way through the model, again and again: once as it is, and once for every change on trial.
///
/// Each copy has one change behind it and takes the layers that follow as they are, so that at the head its answers
/// tell what the change costs the whole model. Holds the hidden rows of one copy; those of all are in a file.
package final class ProbeRun {
  /// What is on trial.
  package enum Probe: Hashable, Codable {
    case tensor(TensorName)
    /// A unit of heads, by its place in the layer's score table.
    case unit(step: Int, layer: Int, index: Int)
  }

  private let configuration: ModelConfiguration
  private let windows: [CalibrationSet.Window]
  private let runner: LayerRunner
  private let compute: Compute
  private let tokenCount: Int
  /// The model as it is, then the probes one by one.
  private let rows: HiddenRows
  private let scratch: HostBuffer<Float>  // (token, hidden)
  /// The changes that were tried in the layers behind.
  package private(set) var probes: [Probe] = []
  /// Those of the layer that is under way.
  private var coming: [Probe] = []
  private static let reference = 0

  /// Tokens that are looked at, at most; whole windows, at least one.
  static let tokenLimit = 4096
  /// Bytes of all copies, at most, unless one window takes more.
  static let byteLimit = 1 << 30

  /// - Parameters:
  ///   - probeCount: how many changes will be tried
  ///   - path: the file beside which the hidden rows are kept; nil for a temporary file
  package convenience init(
    _ set: CalibrationSet, probeCount: Int, embedding: WeightMatrix, configuration: ModelConfiguration,
    compute: Compute, beside path: String?
  ) throws(CalibrationError) {
    let windows = Self.windows(set, probeCount: probeCount, configuration)
    let rows = try HiddenRows(
      counts: Self.counts(windows, probeCount, configuration), path: path.map(HiddenRows.path(beside:)))
    self.init(windows, rows, configuration, compute)
    embed(embedding)
    try rows.append(scratch)
  }

  /// Goes on with the rows that an earlier run has left beside the file at `path` after `boundary` layers; nil when
  /// they are gone or not those of that hash.
  package convenience init?(
    resuming set: CalibrationSet, probeCount: Int, probes: [Probe], beside path: String, boundary: Int,
    hash: UInt64,
    configuration: ModelConfiguration, compute: Compute
  ) {
    let windows = Self.windows(set, probeCount: probeCount, configuration)
    guard probes.count <= probeCount,
      let rows = try? HiddenRows(
        counts: Self.counts(windows, probeCount, configuration), path: HiddenRows.path(beside: path),
        boundary: boundary, filledCount: probes.count + 1),
      (try? rows.hash()) == hash
    else { return nil }
    self.init(windows, rows, configuration, compute)
    self.probes = probes
  }

  private init(
    _ windows: [CalibrationSet.Window], _ rows: HiddenRows, _ configuration: ModelConfiguration,
    _ compute: Compute
  ) {
    self.windows = windows
    self.rows = rows
    self.configuration = configuration
    self.compute = compute
    tokenCount = windows.reduce(0) { $0 + $1.tokenCount }
    runner = LayerRunner(
      configuration, compute: compute, maximumRows: max(1, windows.map(\.tokenCount).max() ?? 0))
    scratch = HostBuffer(count: tokenCount * configuration.hiddenSize)
  }

  /// Floats of each copy.
  private static func counts(
    _ windows: [CalibrationSet.Window], _ probeCount: Int, _ configuration: ModelConfiguration
  ) -> [Int] {
    let tokens = windows.reduce(0) { $0 + $1.tokenCount }
    return [Int](repeating: tokens * configuration.hiddenSize, count: probeCount + 1)
  }

  /// Whether the rows outlive this object, for a later run to go on with.
  package var keepsRows: Bool {
    get { rows.isKept }
    set { rows.isKept = newValue }
  }

  /// The hash of the rows between two layers, which are on the disk then.
  package func seal() throws(CalibrationError) -> UInt64 { try rows.seal() }

  private static func windows(
    _ set: CalibrationSet, probeCount: Int, _ configuration: ModelConfiguration
  ) -> [CalibrationSet.Window] {
    let rowBytes = 4 * configuration.hiddenSize * (probeCount + 1)
    let limit = min(tokenLimit, byteLimit / rowBytes)
    var tokens = 0
    return Array(
      set.windows.enumerated().prefix { index, window in
        tokens += window.tokenCount
        return index == 0 || tokens <= limit
      }.map(\.element))
  }

  /// Tokens of each copy, when `probeCount` changes are tried.
  package static func tokenCount(
    probeCount: Int, _ settings: CalibrationSettings, _ configuration: ModelConfiguration
  ) -> Int {
    let rowBytes = 4 * configuration.hiddenSize * (probeCount + 1)
    let limit = min(tokenLimit, byteLimit / rowBytes, settings.windowCount * settings.windowTokens)
    return max(settings.windowTokens, limit / settings.windowTokens * settings.windowTokens)
  }

  /// Bytes that are held in memory: one copy, the workspace of a window, and logits at the head.
  package static func byteCount(
    tokens: Int, _ settings: CalibrationSettings, _ configuration: ModelConfiguration
  ) -> Int {
    4 * tokens * configuration.hiddenSize
      + LayerRunner.workspaceBytes(configuration, maximumRows: settings.windowTokens)
      + 2 * min(logitBytes, 4 * tokens * configuration.vocabularySize)
  }

  /// Tries another embedding. Call before the first layer.
  package func tryEmbedding(_ embedding: WeightMatrix) throws(CalibrationError) {
    embed(embedding)
    try rows.append(scratch)
    probes.append(.tensor(.embedding))
  }

  /// Takes a copy through a changed layer. Call it for every change of a layer before `advance(through:)`.
  package func tryLayer(_ layer: LayerWeights, as probe: Probe) throws(CalibrationError) {
    try rows.load(Self.reference, into: scratch)
    run(layer)
    try rows.appendAhead(scratch)
    coming.append(probe)
  }

  /// Takes everything that stands before the layer through it as it is.
  ///
  /// - Parameter onPass: called when a copy is through
  package func advance(through layer: LayerWeights, onPass: () -> Void) throws(CalibrationError) {
    try rows.advance(scratch, endsLayer: true) { _ in
      run(layer)
      onPass()
    }
    probes += coming
    coming = []
  }

  /// The mean KL divergence of every probe's answers from those of the model as it is.
  ///
  /// - Parameters:
  ///   - head: as it is
  ///   - otherHead: on trial when there is one
  ///   - isTied: whether the embedding is the head, so that they are on trial together
  package func divergences(
    finalNorm: HostBuffer<Float>, head: WeightMatrix, otherHead: WeightMatrix?, isTied: Bool
  ) throws(CalibrationError) -> [Probe: Double] {
    let rowCount = max(1, min(tokenCount, Self.logitBytes / (4 * configuration.vocabularySize)))
    let input = MatrixInput(maximumRows: rowCount, maximumColumns: configuration.hiddenSize)
    let normed = HostBuffer<Float>(count: rowCount * configuration.hiddenSize)
    let expected = HostBuffer<Float>(count: rowCount * configuration.vocabularySize)
    let found = HostBuffer<Float>(count: rowCount * configuration.vocabularySize)
    var sums: [Probe: Double] = [:]
    for start in stride(from: 0, to: tokenCount, by: rowCount) {
      let part = start..<min(start + rowCount, tokenCount)
      func answer(
        _ copy: Int, _ head: WeightMatrix, into logits: HostBuffer<Float>
      ) throws(CalibrationError) {
        try rows.load(copy, into: scratch)
        normalize(part, finalNorm, into: normed)
        input.set(rows: normed.pointer, count: part.count, columns: configuration.hiddenSize)
        compute.multiply(input, MatrixProduct(head, into: logits.pointer))
      }
      func add(_ probe: Probe) {
        sums[probe, default: 0] += divergence(expected, found, rows: part.count)
      }
      try answer(Self.reference, head, into: expected)
      for (index, probe) in probes.enumerated() {
        let isHeadToo = isTied && probe == .tensor(.embedding)
        try answer(index + 1, isHeadToo ? otherHead ?? head : head, into: found)
        add(probe)
      }
      if let otherHead, !isTied {
        try answer(Self.reference, otherHead, into: found)
        add(.tensor(.head))
      }
    }
    return sums.mapValues { $0 / Double(max(1, tokenCount)) }
  }

  /// Logits that are held at a time, of either kind.
  private static let logitBytes = 64 << 20

  private func embed(_ embedding: WeightMatrix) {
    embedding.embed(
      windows.flatMap { $0.sequences.flatMap { $0 } }, into: scratch.pointer, kernels: compute.kernels)
  }

  private func run(_ layer: LayerWeights) {
    let cache = KeyValueCache(
      configuration.replacingLayers([layer.shape]),
      blockCount: windows.map(CalibrationRun.blockCount(of:)).max() ?? 0, element: .float32)
    var place = scratch.pointer
    for window in windows {
      runner.begin(CalibrationRun.batch(of: window), cache: cache)
      runner.run(layer, layer: 0, hidden: place)
      place += window.tokenCount * configuration.hiddenSize
    }
    runner.end()
  }

  private func normalize(_ part: Range<Int>, _ norm: HostBuffer<Float>, into normed: HostBuffer<Float>) {
    let width = configuration.hiddenSize
    for (line, token) in part.enumerated() {
      compute.kernels.rmsNorm(
        scratch.pointer + token * width, weight: norm.pointer, into: normed.pointer + line * width,
        count: width, epsilon: configuration.rmsNormEpsilon)
    }
  }

  /// The sum over `rows` tokens.
  private func divergence(_ expected: HostBuffer<Float>, _ found: HostBuffer<Float>, rows: Int) -> Double {
    let width = configuration.vocabularySize
    let values = HostBuffer<Double>(count: rows)
    let kernels = compute.kernels
    compute.team.run { thread, count in
      let shares = HostBuffer<Float>(count: width)
      for row in ThreadTeam.range(of: rows, thread: thread, count: count) {
        values.pointer[row] = Divergence.between(
          expected.pointer + row * width, found.pointer + row * width, count: width, shares: shares.pointer,
          kernels: kernels)
      }
    }
    return values.buffer.reduce(0, +)
  }
}
