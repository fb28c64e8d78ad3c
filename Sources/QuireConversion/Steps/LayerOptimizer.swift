import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel
import QuireTensors

/// Applies a recipe's steps to the layers in order.
struct LayerOptimizer {
  let recipe: Recipe
  /// The formats of the `quantize` step, which may still be to come; nil when there is none.
  let formats: TensorFormats?
  /// The rotation of the `rotate` step; nil when there is none.
  let rotation: ModelRotation?
  let headSize: Int
  let compute: Compute

  /// A layer after the steps, and what they did to it.
  struct Outcome {
    var weights: LayerWeights
    /// The layer as the checkpoint has it, in the basis that `rotate` chooses.
    var original: LayerWeights
    var record = PartRecord()
  }

  /// Whether a later layer than `index` needs activations, so that the windows must also run through this one.
  func needsActivations(after index: Int, layerCount: Int) -> Bool {
    let later = (index + 1)..<layerCount
    return recipe.steps.contains { step in later.contains { step.settings.needsActivations(layer: $0) } }
  }

  /// Whether a later layer than `index` is fitted to the checkpoint's own hidden states, so that the windows must
  /// also run through the checkpoint's layers.
  func needsReference(after index: Int, layerCount: Int) -> Bool {
    ((index + 1)..<layerCount).contains { layer in
      recipe.steps.contains { $0.settings.needsReference(layer: layer) }
    }
  }

  /// Runs all steps on layer `index`. `activations` are the inputs that the steps need; afterwards they are
  /// unchanged, or after the layer's attention.
  func optimize(
    _ weights: LayerWeights, index: Int, activations: (any ActivationStatistics)?
  ) throws(OptimizationError) -> Outcome {
    let watched = activations.map { WatchedStatistics($0, layer: index) }
    var layer = LayerState(
      weights: weights, original: weights, index: index, activations: watched, recipe: recipe,
      formats: formats, rotation: rotation, headSize: headSize, compute: compute)
    for (stepIndex, step) in recipe.steps.enumerated() {
      layer.stepIndex = stepIndex
      try step.settings.apply(to: &layer)
      if let notes = watched?.takeNotes(), !notes.isEmpty { layer.record.notes[stepIndex] = notes }
    }
    var outcome = Outcome(weights: layer.weights, original: layer.original, record: layer.record)
    // Tensors that steps have left in float32 become bf16 again, unless the checkpoint has them in float32.
    for tensor in LayerTensor.projections where !weights[tensor].isFloat32 {
      outcome.weights[tensor] = outcome.weights[tensor].roundedToBfloat16(compute)
    }
    return outcome
  }

  /// A matrix outside of the layers rounded to nearest in the recipe's format for it, and its rounding error;
  /// unchanged when that format is bf16.
  func quantized(
    _ matrix: WeightMatrix, as name: TensorName
  ) throws(OptimizationError) -> (WeightMatrix, RoundingRecord?) {
    guard let settings = recipe.quantization, let format = formats?.format(of: name), format.scheme != .bf16
    else { return (matrix, nil) }
    let importances = settings.importances(format, columns: matrix.columns, nil)
    let result = try NearestQuantizer(format, importances: importances).quantize(
      matrix, named: name.string, compute)
    return (
      .quantized(result.matrix),
      RoundingRecord(tensor: name, format: format, method: .nearest, relativeError: result.relativeError)
    )
  }
}
