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
  /// Whether lm_head is rounded with statistics of its inputs, see `Recipe.calibratesHead`.
  let calibratesHead: Bool
  let compute: Compute

  /// Whether a later layer than `index`, or lm_head, needs activations, so that the windows must also run through this
  /// layer.
  func needsActivations(after index: Int, layerCount: Int) -> Bool {
    calibratesHead || recipe.needsActivations(after: index, layerCount: layerCount)
  }

  /// Whether a later layer than `index` is fitted to the checkpoint's own hidden states, so that the windows must
  /// also run through the checkpoint's layers.
  func needsReference(after index: Int, layerCount: Int) -> Bool {
    recipe.needsReference(after: index, layerCount: layerCount)
  }

  /// Runs all steps on a layer. The activations that it was made with are unchanged afterwards, or after the layer's
  /// attention.
  func optimize(_ layer: inout LayerState) throws(OptimizationError) {
    for (stepIndex, step) in recipe.steps.enumerated() {
      layer.stepIndex = stepIndex
      try step.settings.apply(to: &layer)
      if let notes = layer.activations?.takeNotes(), !notes.isEmpty { layer.record.notes[stepIndex] = notes }
    }
    // Tensors that steps have left in float32 become bf16 again, unless the checkpoint has them in float32.
    layer.keepFloat()
    for tensor in LayerTensor.projections where !layer.float32Tensors.contains(tensor) {
      layer.weights[tensor] = layer.weights[tensor].roundedToBfloat16(compute)
    }
  }

  /// A matrix outside of the layers in the recipe's format for it, and its rounding error; unchanged when that format is
  /// bf16. Rounded to nearest where the Gram matrix of its inputs is not known.
  func quantized(
    _ matrix: WeightMatrix, as name: TensorName, _ gram: GramMatrix? = nil
  ) throws(OptimizationError) -> (WeightMatrix, RoundingRecord?) {
    guard let settings = recipe.quantization, let formats else { return (matrix, nil) }
    let format = formats.format(of: name)
    guard format.scheme != .bf16 else { return (matrix, nil) }
    if let gram {
      let quantizer = LayerQuantizer(settings: settings, formats: formats, compute: compute)
      let (result, record) = try quantizer.quantized(matrix, as: name, format, quantizer.statistics(of: gram))
      return (.quantized(result), record)
    }
    let importances = settings.importances(format, columns: matrix.columns, nil)
    let result = try NearestQuantizer(format, importances: importances).quantize(
      matrix, named: name.string, compute)
    return (
      .quantized(result.matrix),
      RoundingRecord(tensor: name, format: format, method: .nearest, relativeError: result.relativeError)
        .counting(result.matrix)
    )
  }
}

extension Recipe {
  /// Whether a step needs activations of a later layer than `index`.
  func needsActivations(after index: Int, layerCount: Int) -> Bool {
    ((index + 1)..<layerCount).contains { layer in
      steps.contains { $0.settings.needsActivations(layer: layer) }
    }
  }

  /// Whether a step fits a later layer than `index` to the checkpoint's own hidden states.
  func needsReference(after index: Int, layerCount: Int) -> Bool {
    ((index + 1)..<layerCount).contains { layer in
      steps.contains { $0.settings.needsReference(layer: layer) }
    }
  }

  /// Whether lm_head is rounded with statistics of its inputs. Not where it is the embedding too, which is rounded before
  /// the text has run through the layers; not with 8 bits, where that gains next to nothing; and not with statistics from a
  /// file, which has none of its inputs.
  ///
  /// - Parameters:
  ///   - configuration: after a rotation
  ///   - format: of lm_head
  func calibratesHead(_ configuration: ModelConfiguration, _ format: WeightFormat?) -> Bool {
    guard let quantization, quantization.needsCalibration, calibration.statistics == nil,
      !configuration.tiesEmbeddings, let format
    else { return false }
    return format.scheme != .bf16 && format.scheme != .int8
  }
}
