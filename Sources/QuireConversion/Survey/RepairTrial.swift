import QuireCalibration
import QuireCheckpoints
import QuireFiles
import QuireModel
import QuireOptimization
import QuireTensors

/// Measures on the whole model which share of the repair after pruning gives the lowest KL divergence.
///
/// A repair lowers the error of the hidden states in the mean, but each token's correction is an error for others. A model that
/// needs the removed parts gains most from a whole repair; one that was trained to do without them answers best with little
/// of it or none. The error of hidden states does not tell one from the other; the distributions of answers do.
///
/// Each share prunes and repairs the model layer by layer, as the conversion does, twice: fitted to either half of the
/// windows. Each half runs through the layers that were fitted to the other, so a repair that follows its text too closely
/// does not look better than it is. Each answer counts the same, because a long one is not worth more than a short one.
struct RepairTrial {
  /// The shares that are tried. Divergence is flat between them.
  static let shares = [0, 0.2, 0.5, 1]

  let recipe: Recipe
  let loader: LayerLoader
  let calibration: CalibrationSet
  let compute: Compute

  /// The mean over answers of the KL divergence from the unpruned model.
  ///
  /// - Parameters:
  ///   - index: of the share
  ///   - progress: layers done, and their total, over all shares
  func outcome(
    of index: Int, progress: (_ done: Int, _ total: Int) -> Void
  ) throws(ConversionError) -> RepairOutcome {
    let share = Self.shares[index]
    let recipe = recipe.repaired(share: share)
    let rotation = recipe.rotation.map { ModelRotation($0, loader.configuration, compute) }
    let optimizer = LayerOptimizer(
      recipe: recipe, formats: nil, rotation: rotation, headSize: loader.configuration.headSize,
      calibratesHead: false, compute: compute)
    let tables = SourceTables(loader: loader, rotation: rotation)
    let runs = try halves(embedding: try wrapping(ConversionError.model, try tables.matrix(.embedding)))
    let layerCount = loader.configuration.layerCount
    let layers = LayerQueue(loader, layers: 0..<layerCount)
    for layer in 0..<layerCount {
      progress(index * layerCount + layer, Self.shares.count * layerCount)
      try advance(
        runs, through: try wrapping(ConversionError.model, try layers.next()), index: layer, optimizer)
    }
    let rotated = recipe.rotatedConfiguration(loader.configuration)
    let name = rotated.tiesEmbeddings ? TensorName.embedding : .head
    let head = try wrapping(ConversionError.model, try tables.matrix(name))
    let finalNorm = try wrapping(ConversionError.model, try tables.finalNorm())
    var divergences: [Double] = []
    for run in runs {
      divergences += try wrapping(
        ConversionError.calibration, try run.answerDivergences(finalNorm: finalNorm, head: head))
    }
    return RepairOutcome(
      share: share, divergence: divergences.reduce(0, +) / Double(max(1, divergences.count)))
  }

  /// A run for every other window; one run where there is only one window, which is then judged by its own repair.
  private func halves(embedding: WeightMatrix) throws(ConversionError) -> [CalibrationRun] {
    let indices = calibration.windows.indices
    let halves = [indices.filter { $0.isMultiple(of: 2) }, indices.filter { !$0.isMultiple(of: 2) }]
    var runs: [CalibrationRun] = []
    for half in halves where !half.isEmpty {
      let set = CalibrationSet(
        windows: half.map { calibration.windows[$0] }, sourceName: calibration.sourceName)
      runs.append(
        try wrapping(
          ConversionError.calibration,
          try CalibrationRun(
            set, embedding: embedding, unprunedEmbedding: embedding, configuration: loader.configuration,
            compute: compute)))
    }
    return runs
  }

  /// Prunes the layer once for each run, and runs each through the layer of the other.
  private func advance(
    _ runs: [CalibrationRun], through stored: LayerWeights, index: Int, _ optimizer: LayerOptimizer
  ) throws(ConversionError) {
    var pruned: [LayerWeights] = []
    for run in runs {
      var layer = LayerState(stored, index: index, optimizer: optimizer, activations: run)
      try wrapping(ConversionError.optimization, try optimizer.optimize(&layer))
      try wrapping(
        ConversionError.calibration, try run.advanceUnpruned(past: .mlpOutput, of: layer.float))
      pruned.append(layer.weights)
    }
    for (run, other) in zip(runs, pruned.reversed()) {
      try wrapping(ConversionError.calibration, try run.advance(through: other))
    }
  }
}
