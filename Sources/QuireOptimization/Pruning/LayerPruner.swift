package import QuireCalibration
import QuireFiles
package import QuireModel
package import QuireTensors

/// Removes heads or neurons of one layer and refits the matrices that read the rest.
package struct LayerPruner {
  let headSize: Int
  let compute: Compute

  package init(headSize: Int, compute: Compute) {
    self.headSize = headSize
    self.compute = compute
  }

  /// Removes heads; returns the result, and the moments of the smaller output projection's inputs.
  ///
  /// With cross moments the refit targets the hidden states of the unpruned model; without, it reproduces the
  /// projection's output before the removal.
  package func prune(
    _ weights: inout LayerWeights, _ settings: HeadPruningSettings, count: Int, first: HeadBlock? = nil,
    _ moments: StreamMoments, layer: Int
  ) throws(OptimizationError) -> (HeadPruningResult, StreamMoments) {
    let pruning = HeadPruning(unit: settings.unit, shape: weights.shape, headSize: headSize)
    let dense = floats(weights.outputProjection)
    guard
      let (result, pruner) = pruning.run(
        removing: count, first: first, outputProjection: dense, gram: moments.gram.view),
      let rest = columns(
        pruning.columns(ofQueryHeads: result.keptQueryHeads), of: dense, pruner,
        share: settings.repairs ? settings.repairShare ?? 1 : nil, moments, .attention)
    else { throw .notFinite(what: "the attention output of layer \(layer)") }
    weights = weights.keepingHeads(of: result, headSize: headSize, outputProjection: rest)
    return (result, moments.keeping(pruning.columns(ofQueryHeads: result.keptQueryHeads)))
  }

  /// Removes intermediate channels.
  package func prune(
    _ weights: inout LayerWeights, _ settings: NeuronPruningSettings, count: Int, _ moments: StreamMoments,
    layer: Int
  ) throws(OptimizationError) -> NeuronPruningResult {
    let dense = floats(weights.downProjection)
    guard
      let (result, pruner) = NeuronPruning(width: dense.columns).run(
        removing: count, downProjection: dense, gram: moments.gram.view),
      let rest = columns(
        result.kept, of: dense, pruner, share: settings.repairs ? settings.repairShare ?? 1 : nil, moments,
        .mlp)
    else { throw .notFinite(what: Self.mlpInputs(layer)) }
    weights = weights.keepingNeurons(result.kept, downProjection: rest)
    return result
  }

  /// Refits the whole down projection, so that the MLP compensates the error of the pruned attention before it.
  ///
  /// - Parameter share: of the error that is corrected
  package func refitMLP(
    _ weights: inout LayerWeights, _ moments: StreamMoments, share: Double, layer: Int
  ) throws(OptimizationError) {
    let dense = floats(weights.downProjection)
    guard
      let refitted = StreamRefit.mlp.solve(from: dense, moments, share: share, team: compute.team)
    else { throw .notFinite(what: Self.mlpInputs(layer)) }
    weights.downProjection = Self.matrix(refitted, rows: dense.rows)
  }

  package func floats(_ matrix: WeightMatrix) -> MatrixView<Float> {
    MatrixView(matrix.dequantized(kernels: compute.kernels), rows: matrix.rows, columns: matrix.columns)
  }

  private static func mlpInputs(_ layer: Int) -> String { "the MLP's activations of layer \(layer)" }

  /// The kept columns; nil when the moments hold a NaN or an infinity.
  ///
  /// - Parameter share: how much of the refit to the unpruned model is applied; nil for none
  private func columns(
    _ kept: [Int], of matrix: MatrixView<Float>, _ pruner: LeastSquaresPruner, share: Double?,
    _ moments: StreamMoments, _ refit: StreamRefit
  ) -> WeightMatrix? {
    let rows = matrix.rows
    let plain = HostBuffer<Float>(count: rows * kept.count)
    let view = MatrixView(plain, rows: rows, columns: kept.count)
    let isAimed = share != nil && moments.cross != nil
    if share != nil, !isAimed || refit.start == .refitted {
      pruner.repairedWeights(keeping: kept, into: view)
    } else {
      matrix.copy(columns: kept, into: view)
    }
    guard isAimed, let share else { return Self.matrix(plain, rows: rows) }
    return refit.solve(from: view, moments.keeping(kept), share: share, team: compute.team)
      .map { Self.matrix($0, rows: rows) }
  }

  private static func matrix(_ values: HostBuffer<Float>, rows: Int) -> WeightMatrix {
    .dense(DenseMatrix(rows: rows, columns: values.count / rows, values: values))
  }
}
