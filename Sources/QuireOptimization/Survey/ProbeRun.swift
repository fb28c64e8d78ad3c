import QuireModel
import QuireTensors

/// A few windows on their way through the model, again and again: once as it is, and once for every change on trial.
///
/// Each copy has one change behind it and takes the layers that follow as they are, so that at the head its answers
/// tell what the change costs the whole model. Holds the hidden rows of every copy, never the model.
final class ProbeRun {
  /// What is on trial.
  enum Probe: Hashable {
    case tensor(TensorName)
    /// A unit of heads, by its place in the layer's score table.
    case unit(step: Int, layer: Int, index: Int)
  }

  private let configuration: ModelConfiguration
  private let windows: [CalibrationSet.Window]
  private let runner: LayerRunner
  private let compute: Compute
  private let tokenCount: Int
  private let reference: HostBuffer<Float>  // (token, hidden)
  private var probes: [(probe: Probe, rows: HostBuffer<Float>)] = []

  /// Tokens that are looked at, at most; whole windows, at least one.
  static let tokenLimit = 4096
  /// Bytes of all copies, at most, unless one window takes more.
  static let byteLimit = 1 << 30

  /// - Parameter probeCount: how many changes will be tried
  init(
    _ set: CalibrationSet, probeCount: Int, embedding: WeightMatrix, configuration: ModelConfiguration,
    compute: Compute
  ) {
    self.configuration = configuration
    self.compute = compute
    windows = Self.windows(set, probeCount: probeCount, configuration)
    tokenCount = windows.reduce(0) { $0 + $1.tokenCount }
    runner = LayerRunner(
      configuration, compute: compute, maximumRows: max(1, windows.map(\.tokenCount).max() ?? 0))
    reference = HostBuffer(count: tokenCount * configuration.hiddenSize)
    embed(embedding, into: reference)
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

  /// Bytes of all copies of `probeCount` changes.
  static func byteCount(
    probeCount: Int, _ settings: CalibrationSettings, _ configuration: ModelConfiguration
  ) -> Int {
    let rowBytes = 4 * configuration.hiddenSize * (probeCount + 1)
    return rowBytes * max(settings.windowTokens, min(tokenLimit, byteLimit / rowBytes))
  }

  /// Tries another embedding. Call before the first layer.
  func tryEmbedding(_ embedding: WeightMatrix) {
    let rows = HostBuffer<Float>(count: reference.count)
    embed(embedding, into: rows)
    probes.append((.tensor(.embedding), rows))
  }

  /// Takes a copy through a changed layer. Call it for every change of a layer before `advance(through:)`.
  func tryLayer(_ layer: LayerWeights, as probe: Probe) {
    let rows = HostBuffer<Float>(count: reference.count)
    rows.pointer.update(from: reference.pointer, count: reference.count)
    run(layer, rows)
    waiting.append((probe, rows))
  }
  private var waiting: [(probe: Probe, rows: HostBuffer<Float>)] = []

  /// Takes everything that stands before the layer through it as it is.
  func advance(through layer: LayerWeights) {
    for probe in probes { run(layer, probe.rows) }
    run(layer, reference)
    probes += waiting
    waiting = []
  }

  /// The mean KL divergence of every probe's answers from those of the model as it is.
  ///
  /// - Parameters:
  ///   - head: as it is
  ///   - otherHead: tried as well when there is one
  ///   - tiedHead: what the head becomes when the embedding on trial is the head too
  func divergences(
    finalNorm: HostBuffer<Float>, head: WeightMatrix, otherHead: WeightMatrix?, tiedHead: WeightMatrix?
  ) -> [Probe: Double] {
    let rows = max(1, min(tokenCount, Self.logitBytes / (4 * configuration.vocabularySize)))
    let input = MatrixInput(maximumRows: rows, maximumColumns: configuration.hiddenSize)
    let normed = HostBuffer<Float>(count: rows * configuration.hiddenSize)
    let expected = HostBuffer<Float>(count: rows * configuration.vocabularySize)
    let found = HostBuffer<Float>(count: rows * configuration.vocabularySize)
    var sums: [Probe: Double] = [:]
    for start in stride(from: 0, to: tokenCount, by: rows) {
      let part = start..<min(start + rows, tokenCount)
      func answer(_ hidden: HostBuffer<Float>, _ head: WeightMatrix, into logits: HostBuffer<Float>) {
        normalize(hidden, part, finalNorm, into: normed)
        input.set(rows: normed.pointer, count: part.count, columns: configuration.hiddenSize)
        compute.multiply(input, MatrixProduct(head, into: logits.pointer))
      }
      func add(_ probe: Probe) {
        sums[probe, default: 0] += divergence(expected, found, rows: part.count)
      }
      answer(reference, head, into: expected)
      for probe in probes {
        let isTied = probe.probe == .tensor(.embedding)
        answer(probe.rows, isTied ? tiedHead ?? head : head, into: found)
        add(probe.probe)
      }
      if let otherHead {
        answer(reference, otherHead, into: found)
        add(.tensor(.head))
      }
    }
    return sums.mapValues { $0 / Double(max(1, tokenCount)) }
  }

  /// Logits that are held at a time, of either kind.
  private static let logitBytes = 64 << 20

  private func embed(_ embedding: WeightMatrix, into rows: HostBuffer<Float>) {
    embedding.embed(
      windows.flatMap { $0.sequences.flatMap { $0 } }, into: rows.pointer, kernels: compute.kernels)
  }

  private func run(_ layer: LayerWeights, _ rows: HostBuffer<Float>) {
    let cache = KeyValueCache(
      configuration.replacingLayers([layer.shape]),
      blockCount: windows.map(CalibrationRun.blockCount(of:)).max() ?? 0, element: .float32)
    var place = rows.pointer
    for window in windows {
      runner.begin(CalibrationRun.batch(of: window), cache: cache)
      runner.run(layer, layer: 0, hidden: place)
      place += window.tokenCount * configuration.hiddenSize
    }
    runner.end()
  }

  private func normalize(
    _ hidden: HostBuffer<Float>, _ part: Range<Int>, _ norm: HostBuffer<Float>, into normed: HostBuffer<Float>
  ) {
    let width = configuration.hiddenSize
    for (line, token) in part.enumerated() {
      compute.kernels.rmsNorm(
        hidden.pointer + token * width, weight: norm.pointer, into: normed.pointer + line * width,
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
