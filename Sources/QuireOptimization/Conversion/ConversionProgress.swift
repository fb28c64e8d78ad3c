import QuireModel

/// How far a conversion has come.
package struct ConversionProgress: Sendable, Equatable {
  package enum Phase: String, Sendable {
    case embedding, layers, head, sources
  }

  package let phase: Phase
  package let layersDone: Int
  package let layerCount: Int
  /// Share of the time that this run will take, 0 … 1.
  package let fractionDone: Double
  package let secondsElapsed: Double
  /// nil until there is something to judge by.
  package let secondsLeft: Double?
}

/// Counts work done and reports it. One thread at a time.
///
/// What is left is predicted from what was measured: layers from layers, embedding and head from each other. Only
/// before the first layer is done a rough estimate of its work stands in.
final class ProgressMeter {
  /// Work of one kind, in estimated seconds, and the seconds that it took.
  private struct Account {
    var done = 0.0
    var left = 0.0
    var seconds = 0.0
    /// Seconds that an estimated second takes; nil before anything is done.
    var rate: Double? { done > 0 ? seconds / done : nil }

    mutating func finish(_ work: Double, in seconds: Double) {
      done += work
      left = max(0, left - work)
      self.seconds += seconds
    }
  }

  private let report: ((ConversionProgress) -> Void)?
  private let layerCount: Int
  private let start = ContinuousClock.now
  private var last: ContinuousClock.Instant
  private var layersDone = 0
  private var fractionDone = 0.0

  private let layerWork: [Double]
  private let tableWork: [TensorName: Double]
  private var layers = Account()
  private var tables = Account()

  /// Bytes of the checkpoint that two cores read, round and pack in a second.
  private static let bytesPerSecond = 0.5e9
  /// Multiply-adds in float32 that they do in a second.
  static let multiplyAddsPerSecond = 90e9

  init(_ plan: ConversionPlan, report: ((ConversionProgress) -> Void)?) {
    self.report = report
    last = start
    layerCount = plan.source.configuration.layerCount
    var layerWork = [Double](repeating: 0, count: layerCount)
    var tableWork: [TensorName: Double] = [:]
    for tensor in plan.source.tensors {
      let seconds = Double(tensor.byteCount) / Self.bytesPerSecond
      if case .layer(let index, let part) = tensor.name {
        layerWork[index] += seconds
        if plan.recipe.needsCalibration {
          layerWork[index] +=
            (Self.multiplyAdds(tensor, part, plan.recipe)
              + Self.repairMultiplyAdds(tensor, part, layer: index, plan)) / Self.multiplyAddsPerSecond
        }
      } else if !tensor.name.isNorm {
        tableWork[tensor.name] = seconds
      }
    }
    self.layerWork = layerWork
    self.tableWork = tableWork
    layers.left = layerWork.reduce(0, +)
    tables.left = tableWork.values.reduce(0, +)
  }

  /// In float32: the windows through the matrix, the Gram matrix of its inputs and its factor (in float64, which counts
  /// twice), and what the matrix has to do with either.
  private static func multiplyAdds(
    _ tensor: ConversionPlan.PlannedTensor, _ part: LayerTensor, _ recipe: Recipe
  ) -> Double {
    guard tensor.shape.count == 2 else { return 0 }
    let (rows, columns) = (Double(tensor.shape[0]), Double(tensor.shape[1]))
    let settings = recipe.calibration
    let tokens = settings.statistics == nil ? Double(settings.windowCount * settings.windowTokens) : 0
    // Of the matrices that read the same activations, one stands for their statistics.
    let ownsStatistics = part != .keyProjection && part != .valueProjection && part != .upProjection
    let gram = ownsStatistics ? tokens / 2 * columns * columns : 0
    return recipe.steps.reduce(0) { sum, step in
      switch step {
      case .pruneHeads, .pruneNeurons: sum + tokens * rows * columns
      case .smooth: sum + tokens * rows * columns + gram + smoothingTrials * columns * columns
      case .quantize, .budget:
        step.quantization?.needsCalibration != true
          ? sum
          : sum + quantizedPasses * tokens * rows * columns + gram + rows * columns * columns
            + (ownsStatistics ? 2 / 3 * columns * columns * columns : 0)
      }
    }
  }

  /// The windows go nearly twice through what was quantized, in integers, which are four to five times as fast.
  private static let quantizedPasses = 0.4
  /// Rows that AWQ rounds of one matrix, every time it tries.
  private static let smoothingTrials = Double(RoundingTrial.sampledRows * (SmoothingScales.gridCount + 1))

  /// Besides: the windows through the checkpoint's own layer while a cut lies ahead; where one is made, once more through
  /// what is left, the two matrices that add to the hidden rows against what these lack, and the MLP's statistics with
  /// their factor once more.
  private static func repairMultiplyAdds(
    _ tensor: ConversionPlan.PlannedTensor, _ part: LayerTensor, layer: Int, _ plan: ConversionPlan
  ) -> Double {
    let layerCount = plan.source.configuration.layerCount
    func isRepaired(_ layer: Int) -> Bool { plan.recipe.steps.contains { $0.repairs(layer: layer) } }
    guard plan.recipe.needsReference, tensor.shape.count == 2,
      (layer..<layerCount).contains(where: isRepaired)
    else { return 0 }
    let (rows, columns) = (Double(tensor.shape[0]), Double(tensor.shape[1]))
    let tokens = Double(plan.recipe.calibration.windowCount * plan.recipe.calibration.windowTokens)
    var work = tokens * rows * columns
    guard isRepaired(layer) else { return work }
    work += tokens * rows * columns
    if part == .outputProjection || part == .downProjection {
      work += tokens * rows * columns + 2 * rows * columns * columns
    }
    if part == .downProjection { work += columns * columns * (tokens / 2 + columns / 3) }
    return work
  }

  /// An earlier run has done so much: it is neither ahead nor took time of this one.
  func resume(layersDone count: Int) {
    tables.left -= tableWork[.embedding] ?? 0
    for index in 0..<count { layers.left -= layerWork[index] }
    layersDone = count
  }

  /// A phase begins.
  func begin(_ phase: ConversionProgress.Phase) { send(phase) }

  /// The next layer is done.
  func finishLayer() {
    layers.finish(layerWork[layersDone], in: lap())
    layersDone += 1
    send(.layers)
  }

  /// Embedding or head is done.
  func finishTable(_ name: TensorName) {
    tables.finish(tableWork[name] ?? 0, in: lap())
    send(name == .head ? .head : .embedding)
  }

  /// So much of the sources, share 0 … 1, has been hashed.
  func hashed(share: Double) {
    if share >= 1 { fractionDone = 1 }
    send(.sources)
  }

  /// Seconds since the last call.
  private func lap() -> Double {
    let now = ContinuousClock.now
    defer { last = now }
    return (now - last) / .seconds(1)
  }

  /// Seconds that are left; nil before anything is done.
  private var secondsLeft: Double? {
    guard layers.rate != nil || tables.rate != nil else { return nil }
    return layers.left * (layers.rate ?? 1) + tables.left * (tables.rate ?? layers.rate ?? 1)
  }

  private func send(_ phase: ConversionProgress.Phase) {
    guard let report else { return }
    let elapsed = (ContinuousClock.now - start) / .seconds(1)
    let left = fractionDone == 1 ? 0 : secondsLeft
    if let left, elapsed + left > 0, left > 0 {
      // A better prediction may be a worse one; the bar does not go back.
      fractionDone = min(1, max(fractionDone, elapsed / (elapsed + left)))
    }
    report(
      ConversionProgress(
        phase: phase, layersDone: layersDone, layerCount: layerCount, fractionDone: fractionDone,
        secondsElapsed: elapsed, secondsLeft: left))
  }
}
