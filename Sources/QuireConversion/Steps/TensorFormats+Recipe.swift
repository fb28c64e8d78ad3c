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
