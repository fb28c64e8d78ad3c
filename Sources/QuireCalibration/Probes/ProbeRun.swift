import QuireFiles
import QuireCheckpoints
package import QuireModel
package import QuireTensors

/// Runs a few windows through the model repeatedly: once unchanged, and once for every change on trial.
///
/// Each copy has one change in an earlier layer and runs through the following layers unchanged, so that its logits
/// show the cost of the change for the whole model. The hidden states of one window are in memory; those of all are
/// in a file.
package final class ProbeRun {
  /// A change on trial.
  package enum Probe: Hashable, Codable {
    case tensor(TensorName)
    /// A unit of heads, by its index in the layer's score table.
    case unit(step: Int, layer: Int, index: Int)
  }

  /// The unchanged model, then the probes one by one.
  private let stream: LayerStream
  private var configuration: ModelConfiguration { stream.configuration }
  private var compute: Compute { stream.compute }
  /// The changes that were tried in earlier layers.
  package private(set) var probes: [Probe] = []
  /// Those of the current layer.
  private var coming: [Probe] = []
  /// The copy without any change.
  private static let unchanged = 0

  /// The most tokens that are used; whole windows, at least one.
  static let tokenLimit = 4096
  /// The most bytes of all copies, unless one window takes more.
  static let byteLimit = 1 << 30

  /// - Parameters:
  ///   - probeCount: how many changes will be tried
  ///   - path: the file of the hidden states, for a later run to resume from; nil for a temporary file
  package init(
    _ set: CalibrationSet, probeCount: Int, embedding: WeightMatrix, configuration: ModelConfiguration,
    compute: Compute, path: String?
  ) throws(CalibrationError) {
    do throws(HiddenStates.Failure) {
      stream = try Self.stream(
        set, probeCount, configuration, compute, .init(path: path, copyCount: probeCount + 1))
      try stream.embed(embedding)
    } catch {
      throw CalibrationError(error)
    }
  }

  /// Resumes from the states that an earlier run has saved after `boundary` layers; nil when they are missing or
  /// have another hash.
  package init?(
    resuming set: CalibrationSet, probeCount: Int, probes: [Probe], path: String, boundary: Int,
    hash: UInt64, configuration: ModelConfiguration, compute: Compute
  ) {
    let storage = LayerStream.Storage(
      path: path, copyCount: probeCount + 1, filledCopyCount: probes.count + 1, boundary: boundary)
    guard probes.count <= probeCount,
      let stream = try? Self.stream(set, probeCount, configuration, compute, storage),
      (try? stream.hash()) == hash
    else { return nil }
    self.stream = stream
    self.probes = probes
  }

  private static func stream(
    _ set: CalibrationSet, _ probeCount: Int, _ configuration: ModelConfiguration, _ compute: Compute,
    _ storage: LayerStream.Storage
  ) throws(HiddenStates.Failure) -> LayerStream {
    let windows = windows(set, probeCount: probeCount, configuration)
    return try LayerStream(
      windows.map(CalibrationRun.batch(of:)),
      blockCount: windows.map(CalibrationRun.blockCount(of:)).max() ?? 0, configuration: configuration,
      compute: compute, storage: storage)
  }

  /// The hash of the states between two layers, after saving them to disk.
  package func seal() throws(CalibrationError) -> UInt64 {
    try wrapping(CalibrationError.init, try stream.seal())
  }

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

  /// Peak memory in bytes: states, the workspace of a window, and logits.
  package static func byteCount(
    tokens: Int, _ settings: CalibrationSettings, _ configuration: ModelConfiguration
  ) -> Int {
    4 * (tokens + settings.windowTokens) * configuration.hiddenSize
      + LayerRunner.workspaceBytes(configuration, maximumRows: settings.windowTokens)
      + 2 * min(logitBytes, 4 * tokens * configuration.vocabularySize)
  }

  /// Tries another embedding. Call before the first layer.
  package func tryEmbedding(_ embedding: WeightMatrix) throws(CalibrationError) {
    try wrapping(CalibrationError.init, try stream.embed(embedding))
    probes.append(.tensor(.embedding))
  }

  /// Runs a copy through a changed layer. Call it for every change of a layer before `advance(through:)`.
  package func tryLayer(_ layer: LayerWeights, as probe: Probe) throws(CalibrationError) {
    try wrapping(CalibrationError.init, try stream.add(layer, from: Self.unchanged))
    coming.append(probe)
  }

  /// Runs all copies that are before the layer through the unchanged layer.
  ///
  /// - Parameter onPass: called after each copy
  package func advance(through layer: LayerWeights, onPass: () -> Void) throws(CalibrationError) {
    try wrapping(CalibrationError.init, try stream.advance(through: layer, onCopy: onPass))
    probes += coming
    coming = []
  }

  /// Logits in memory at a time, of either kind.
  private static let logitBytes = 64 << 20
}

// The cost of the trials, measured at lm_head.
extension ProbeRun {
  /// The mean KL divergence of every probe's output distribution from the unchanged model's.
  ///
  /// - Parameters:
  ///   - head: the unchanged lm_head
  ///   - otherHead: the lm_head on trial, if there is one
  ///   - isTied: whether the embedding is also lm_head, so that both are on trial together
  package func divergences(
    finalNorm: HostBuffer<Float>, head: WeightMatrix, otherHead: WeightMatrix?, isTied: Bool
  ) throws(CalibrationError) -> [Probe: Double] {
    let tokenCount = stream.rowCount
    let rowCount = max(1, min(tokenCount, Self.logitBytes / (4 * configuration.vocabularySize)))
    let output = OutputLayer(
      finalNorm: finalNorm, configuration: configuration, compute: compute, maximumRows: rowCount)
    let hidden = HostBuffer<Float>(count: rowCount * configuration.hiddenSize)
    let expected = HostBuffer<Float>(count: rowCount * configuration.vocabularySize)
    let found = HostBuffer<Float>(count: rowCount * configuration.vocabularySize)
    var sums: [Probe: Double] = [:]
    for start in stride(from: 0, to: tokenCount, by: rowCount) {
      let part = start..<min(start + rowCount, tokenCount)
      func answer(
        _ copy: Int, _ head: WeightMatrix, into logits: HostBuffer<Float>
      ) throws(CalibrationError) {
        try wrapping(CalibrationError.init, try stream.load(rows: part, ofCopy: copy, into: hidden))
        output.run(hidden.pointer, rows: Array(0..<part.count), head: head, into: logits.pointer)
      }
      func add(_ probe: Probe) {
        sums[probe, default: 0] += Divergence.sum(
          expected, found, rows: part.count, width: configuration.vocabularySize, kernels: compute.kernels,
          team: compute.team)
      }
      try answer(Self.unchanged, head, into: expected)
      for (index, probe) in probes.enumerated() {
        let isHeadToo = isTied && probe == .tensor(.embedding)
        try answer(index + 1, isHeadToo ? otherHead ?? head : head, into: found)
        add(probe)
      }
      if let otherHead, !isTied {
        try answer(Self.unchanged, otherHead, into: found)
        add(.tensor(.head))
      }
    }
    return sums.mapValues { $0 / Double(max(1, tokenCount)) }
  }
}
