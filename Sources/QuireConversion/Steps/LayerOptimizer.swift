import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel
import QuireTensors

/// Applies a recipe's steps to one layer after the other.
struct LayerOptimizer {
  let recipe: Recipe
  /// The formats of the `quantize` step, or of one that is still to come; nil when there is none.
  let formats: TensorFormats?
  let headSize: Int
  let compute: Compute

  /// A layer after the steps, and what they did to it.
  struct Outcome {
    var weights: LayerWeights
    var record = PartRecord()
  }

  /// Whether a layer behind `index` will be measured, so that the windows must go on through this one.
  func needsActivations(after index: Int, layerCount: Int) -> Bool {
    let behind = (index + 1)..<layerCount
    return recipe.steps.contains { step in
      switch step {
      case .pruneHeads(let settings): behind.contains { settings.removal.count(layer: $0) > 0 }
      case .pruneNeurons(let settings): behind.contains { settings.removal.count(layer: $0) > 0 }
      case .smooth: !behind.isEmpty
      case .quantize, .budget: step.quantization?.needsCalibration == true && !behind.isEmpty
      }
    }
  }

  /// Whether a layer behind `index` will be brought back to the checkpoint's own hidden rows, so that the windows must
  /// also go on through the checkpoint's layers.
  func needsReference(after index: Int, layerCount: Int) -> Bool {
    ((index + 1)..<layerCount).contains { layer in recipe.steps.contains { $0.repairs(layer: layer) } }
  }

  /// Runs all steps on layer `index`. `activations` are what the steps ask for; they are left where they were, or
  /// behind the layer's attention.
  func optimize(
    _ weights: LayerWeights, index: Int, activations: (any ActivationStatistics)?
  ) throws(OptimizationError) -> Outcome {
    var outcome = Outcome(weights: weights)
    let run = activations.map { WatchedStatistics($0, layer: index) }
    let pruner = LayerPruner(headSize: headSize, compute: compute)
    var known: StreamMoments?
    for (stepIndex, step) in recipe.steps.enumerated() {
      switch step {
      case .pruneHeads(let settings):
        let count = settings.removal.count(layer: index)
        guard count > 0 else { continue }
        guard let run else { preconditionFailure("pruning needs activations") }
        let moments =
          if let known { known } else {
            try wrapping(
              OptimizationError.calibration,
              try run.moments(at: .attentionOutput, of: outcome.weights, original: weights))
          }
        let (result, rest) = try pruner.prune(
          &outcome.weights, settings, count: count, first: settings.firstBlocks?[index], moments, layer: index
        )
        outcome.record.pruning[stepIndex] = result
        known = rest
        let pruning = HeadPruning(unit: settings.unit, shape: result.shape, headSize: headSize)
        run.follow(.kept(pruning.columns(ofQueryHeads: result.keptQueryHeads)), at: .attentionOutput)
        // A later cut of this layer will see to the MLP.
        let isLast = !recipe.steps.dropFirst(stepIndex + 1).contains { $0.repairs(layer: index) }
        if settings.repairs, isLast, moments.cross != nil {
          let moments = try wrapping(
            OptimizationError.calibration,
            try run.moments(at: .mlpOutput, of: outcome.weights, original: weights))
          try pruner.refitPerceptron(&outcome.weights, moments, layer: index)
        }
      case .pruneNeurons(let settings):
        let count = settings.removal.count(layer: index)
        guard count > 0 else { continue }
        guard let run else { preconditionFailure("pruning needs activations") }
        let moments = try wrapping(
          OptimizationError.calibration,
          try run.moments(at: .mlpOutput, of: outcome.weights, original: weights))
        let result = try pruner.prune(&outcome.weights, settings, count: count, moments, layer: index)
        outcome.record.changes[stepIndex] = LayerChange(
          neurons: result, layer: index, shape: outcome.weights.shape)
        run.follow(.kept(result.kept), at: .mlpOutput)
      case .smooth(let settings):
        guard let run, let formats, let quantization = recipe.quantizationAhead else {
          preconditionFailure("smoothing prepares for a quantize step, on activations")
        }
        let smoother = LayerSmoother(
          settings: settings, quantization: quantization, formats: formats, headSize: headSize,
          compute: compute)
        let results = try smoother.smooth(&outcome.weights, layer: index, activations: run)
        outcome.record.changes[stepIndex] = LayerChange(
          smoothing: results, layer: index, shape: outcome.weights.shape)
        known = nil
      case .quantize, .budget:
        guard let formats, let settings = step.quantization else {
          preconditionFailure("a step that rounds has formats")
        }
        let quantizer = LayerQuantizer(settings: settings, formats: formats, compute: compute)
        outcome.record.rounding = try quantizer.quantize(&outcome.weights, layer: index, activations: run)
      }
      if let notes = run?.takeNotes(), !notes.isEmpty { outcome.record.notes[stepIndex] = notes }
    }
    // What steps have left in float32 becomes bf16 again, unless the checkpoint has it in float32.
    for tensor in LayerTensor.projections where !weights[tensor].isFloat32 {
      outcome.weights[tensor] = outcome.weights[tensor].roundedToBfloat16(compute)
    }
    return outcome
  }

  /// A matrix outside of the layers rounded to nearest in the format the recipe gives it, and what that cost; as it
  /// is when that is bf16.
  func quantized(
    _ matrix: WeightMatrix, as name: TensorName
  ) throws(OptimizationError) -> (WeightMatrix, RoundingRecord?) {
    guard let settings = recipe.quantization, let format = formats?.format(of: name), format.scheme != .bf16
    else { return (matrix, nil) }
    let importances = settings.importances(columns: matrix.columns, nil)
    let result = try NearestQuantizer(format, importances: importances).quantize(
      matrix, named: name.string, compute)
    return (
      .quantized(result.matrix),
      RoundingRecord(tensor: name, format: format, method: .nearest, relativeError: result.relativeError)
    )
  }
}

extension WeightMatrix {
  fileprivate var isFloat32: Bool {
    if case .dense(let dense) = self { dense.element == .float32 } else { false }
  }
}
