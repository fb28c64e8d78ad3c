import QuireCalibration
import QuireModel
import QuireOptimization
import QuireTensors

/// A layer on its way through the steps, with what they may ask.
struct LayerState {
  var weights: LayerWeights
  /// The layer as the checkpoint has it.
  let original: LayerWeights
  let index: Int
  /// The step that works on it.
  var stepIndex = 0
  /// nil when no step looks at activations.
  let activations: WatchedStatistics?
  let recipe: Recipe
  /// The formats of the step that rounds, or of one that is still to come; nil when there is none.
  let formats: TensorFormats?
  let headSize: Int
  let compute: Compute
  /// What the steps did.
  var record = PartRecord()
  /// What an earlier cut has left of the moments at the attention's output.
  var attentionMoments: StreamMoments?

  /// Whether a step after this one repairs the layer too.
  var isRepairedLater: Bool {
    recipe.steps.dropFirst(stepIndex + 1).contains { $0.repairs(layer: index) }
  }

  var pruner: LayerPruner { LayerPruner(headSize: headSize, compute: compute) }

  /// What a cut at `site` goes by.
  func moments(at site: ActivationSite) throws(OptimizationError) -> StreamMoments {
    guard let activations else { preconditionFailure("a step that prunes needs activations") }
    do throws(CalibrationError) {
      return try activations.moments(at: site, of: weights, original: original)
    } catch {
      throw .calibration(error)
    }
  }
}
