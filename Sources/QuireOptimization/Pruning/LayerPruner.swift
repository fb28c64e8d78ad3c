import QuireModel
import QuireTensors

/// Takes heads or neurons out of one layer.
struct LayerPruner {
  let headSize: Int
  let compute: Compute

  /// Removes heads; returns what that did, and the statistics of what the smaller output projection reads.
  func prune(
    _ weights: inout LayerWeights, _ settings: HeadPruningSettings, count: Int, first: HeadBlock? = nil,
    _ statistics: GramMatrix, layer: Int
  ) throws(OptimizationError) -> (HeadPruningResult, GramMatrix) {
    let pruning = HeadPruning(unit: settings.unit, shape: weights.shape, headSize: headSize)
    let dense = floats(weights.outputProjection)
    guard
      let (result, pruner) = pruning.run(
        removing: count, first: first, outputProjection: dense, gram: statistics.view)
    else { throw .notFinite(what: "the attention output of layer \(layer)") }
    let kept = pruning.columns(ofQueryHeads: result.keptQueryHeads)
    weights = weights.keepingHeads(
      of: result, headSize: headSize,
      outputProjection: columns(kept, of: dense, pruner, repairs: settings.repairs))
    return (result, statistics.keeping(kept))
  }

  /// Removes intermediate channels.
  func prune(
    _ weights: inout LayerWeights, _ settings: NeuronPruningSettings, count: Int, _ statistics: GramMatrix,
    layer: Int
  ) throws(OptimizationError) -> NeuronPruningResult {
    let dense = floats(weights.downProjection)
    guard
      let (result, pruner) = NeuronPruning(width: dense.columns).run(
        removing: count, downProjection: dense, gram: statistics.view)
    else { throw .notFinite(what: "the MLP's activations of layer \(layer)") }
    weights = weights.keepingNeurons(
      result.kept, downProjection: columns(result.kept, of: dense, pruner, repairs: settings.repairs))
    return result
  }

  func floats(_ matrix: WeightMatrix) -> MatrixView<Float> {
    MatrixView(matrix.dequantized(kernels: compute.kernels), rows: matrix.rows, columns: matrix.columns)
  }

  /// The kept columns, refitted or as they were.
  private func columns(
    _ kept: [Int], of matrix: MatrixView<Float>, _ pruner: LeastSquaresPruner, repairs: Bool
  ) -> WeightMatrix {
    let values = HostBuffer<Float>(count: matrix.rows * kept.count)
    let target = MatrixView(values, rows: matrix.rows, columns: kept.count)
    if repairs {
      pruner.repairedWeights(keeping: kept, into: target)
    } else {
      for row in 0..<matrix.rows {
        let (from, to) = (matrix.row(row), target.row(row))
        for (place, column) in kept.enumerated() { to[place] = from[column] }
      }
    }
    return .dense(DenseMatrix(rows: matrix.rows, columns: kept.count, values: values))
  }
}
