import QuireCalibration
import QuireCheckpoints
import QuireModel
import QuireOptimization

extension TensorFormats {
  /// The formats of a recipe's `quantize` step, also of one that is still to come; nil when it has none.
  init?(_ recipe: Recipe, _ configuration: ModelConfiguration) throws(ConversionError) {
    guard let settings = recipe.quantizationAhead else { return nil }
    do throws(OptimizationError) { try self.init(settings, configuration) } catch {
      throw .optimization(error)
    }
  }
}
