import QuireCalibration
import QuireCheckpoints
import QuireModel
import QuireOptimization

extension TensorFormats {
  /// The formats of a recipe's `quantize` step, which may still be to come; nil when there is none.
  init?(_ recipe: Recipe, _ configuration: ModelConfiguration) throws(ConversionError) {
    guard let settings = recipe.quantizationAhead else { return nil }
    do throws(OptimizationError) { try self.init(settings, configuration) } catch {
      throw .optimization(error)
    }
  }
}

extension Recipe {
  /// The formats to plan with, of the step that rounds, which may still be to come: before a survey the smallest ones. Nil
  /// where there is no such step, and where the step is refused, with a sentence, when its own turn comes.
  func plannedFormats(_ source: ModelConfiguration) -> TensorFormats? {
    formats(source) { settings, configuration in try? settings.plannedRounding(configuration) }
  }

  /// The same with the largest formats that a survey can choose.
  func largestFormats(_ source: ModelConfiguration) -> TensorFormats? {
    formats(source) { settings, configuration in
      (settings as? BudgetSettings).map { try? $0.largestRounding(configuration) } ?? settings.rounding
    }
  }

  private func formats(
    _ source: ModelConfiguration,
    _ rounding: (any ConversionStep, ModelConfiguration) -> QuantizationSettings?
  ) -> TensorFormats? {
    let configuration = rotatedConfiguration(source)
    guard let step = (steps + upcoming).first(where: { $0.quantization != nil }),
      let settings = rounding(step.settings, configuration)
    else { return nil }
    return try? TensorFormats(settings, configuration)
  }
}
