import QuireModel
import QuireTensors

/// Applies a recipe's steps to one layer after the other.
struct LayerOptimizer {
  let recipe: Recipe
  /// The formats of the `quantize` step; nil when the recipe has none.
  let formats: TensorFormats?
  let headSize: Int
  let compute: Compute

  /// What the steps did to one layer.
  struct Outcome {
    var weights: LayerWeights
    /// By the index of the `prune-heads` step.
    var pruning: [Int: HeadPruningResult] = [:]
    var rounding: [RoundingRecord] = []
  }

  /// Whether a layer behind `index` will be measured, so that the windows must go on through this one.
  func needsActivations(after index: Int, layerCount: Int) -> Bool {
    recipe.steps.contains { step in
      guard case .pruneHeads(let settings) = step else { return false }
      return ((index + 1)..<layerCount).contains { settings.removal.count(layer: $0) > 0 }
    }
  }

  /// Runs all steps on layer `index`. `run` gives the activations that pruning asks for; it stays where it is.
  func optimize(
    _ weights: LayerWeights, index: Int, activations run: CalibrationRun?
  ) throws(OptimizationError) -> Outcome {
    var outcome = Outcome(weights: weights)
    var statistics: AttentionStatistics?
    for (stepIndex, step) in recipe.steps.enumerated() {
      switch step {
      case .pruneHeads(let settings):
        let count = settings.removal.count(layer: index)
        guard count > 0 else { continue }
        guard let run else { preconditionFailure("pruning needs activations") }
        let known =
          statistics
          ?? AttentionStatistics(
            gram: run.attentionGram(of: outcome.weights), order: outcome.weights.outputProjection.columns)
        let (result, rest) = try prune(&outcome.weights, settings, count: count, known, layer: index)
        outcome.pruning[stepIndex] = result
        statistics = rest
      case .quantize:
        outcome.rounding = try quantize(&outcome.weights, layer: index)
      }
    }
    if !outcome.pruning.isEmpty, !weights.outputProjection.isFloat32 {
      outcome.weights.outputProjection = rounded(outcome.weights.outputProjection)
    }
    return outcome
  }

  /// Removes heads; returns what that did, and the statistics of what the smaller output projection reads.
  private func prune(
    _ weights: inout LayerWeights, _ settings: HeadPruningSettings, count: Int,
    _ statistics: AttentionStatistics, layer: Int
  ) throws(OptimizationError) -> (HeadPruningResult, AttentionStatistics) {
    let projection = weights.outputProjection
    let dense = projection.dequantized(kernels: compute.kernels)
    let view = MatrixView(dense, rows: projection.rows, columns: projection.columns)
    let pruning = HeadPruning(unit: settings.unit, shape: weights.shape, headSize: headSize)
    guard let (result, pruner) = pruning.run(removing: count, outputProjection: view, gram: statistics.view)
    else { throw .notFinite(what: "the attention output of layer \(layer)") }
    let kept = pruning.columns(ofQueryHeads: result.keptQueryHeads)
    let values = HostBuffer<Float>(count: projection.rows * kept.count)
    let target = MatrixView(values, rows: projection.rows, columns: kept.count)
    if settings.repairs {
      pruner.repairedWeights(keeping: kept, into: target)
    } else {
      for row in 0..<view.rows {
        for (place, column) in kept.enumerated() { target[row, place] = view[row, column] }
      }
    }
    weights = weights.keepingHeads(
      of: result, headSize: headSize,
      outputProjection: .dense(
        DenseMatrix(rows: projection.rows, columns: kept.count, values: values)))
    return (result, statistics.keeping(kept))
  }

  /// Quantizes every matrix whose format is not bf16.
  private func quantize(
    _ weights: inout LayerWeights, layer: Int
  ) throws(OptimizationError) -> [RoundingRecord] {
    var records: [RoundingRecord] = []
    for tensor in LayerTensor.projections {
      let (matrix, record) = try quantized(weights[tensor], as: .layer(layer, tensor))
      weights[tensor] = matrix
      if let record { records.append(record) }
    }
    return records
  }

  /// The matrix in the format the recipe gives it, and what rounding it cost; as it is when that is bf16.
  func quantized(
    _ matrix: WeightMatrix, as name: TensorName
  ) throws(OptimizationError) -> (WeightMatrix, RoundingRecord?) {
    guard let format = formats?.format(of: name), format.scheme != .bf16 else { return (matrix, nil) }
    let result = try NearestQuantizer(format).quantize(matrix, named: name.string, compute)
    return (
      .quantized(result.matrix),
      RoundingRecord(tensor: name, format: format, relativeError: result.relativeError)
    )
  }

  /// A refitted matrix that was not quantized, as bf16.
  private func rounded(_ matrix: WeightMatrix) -> WeightMatrix {
    guard matrix.isFloat32 else { return matrix }
    let values = matrix.dequantized(kernels: compute.kernels)
    return .dense(
      DenseMatrix(rows: matrix.rows, columns: matrix.columns, roundingToBfloat16: values.pointer))
  }
}

extension WeightMatrix {
  fileprivate var isFloat32: Bool {
    if case .dense(let dense) = self { dense.element == .float32 } else { false }
  }
}

/// The Gram matrix of what a layer's output projection reads.
private struct AttentionStatistics {
  let gram: HostBuffer<Float>  // (column, column)
  let order: Int

  var view: MatrixView<Float> { MatrixView(gram, rows: order, columns: order) }

  /// The statistics after other columns have gone: heads do not depend on each other, so what is left of the
  /// activations is what it was.
  func keeping(_ columns: [Int]) -> AttentionStatistics {
    let source = view
    let kept = HostBuffer<Float>(count: columns.count * columns.count)
    for (row, from) in columns.enumerated() {
      for (place, column) in columns.enumerated() {
        kept.pointer[row * columns.count + place] = source[from, column]
      }
    }
    return AttentionStatistics(gram: kept, order: columns.count)
  }
}
