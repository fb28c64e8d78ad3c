import QuireCalibration
import QuireModel
import QuireOptimization
import QuireTensors

/// A layer between steps, with everything the steps may need.
struct LayerState {
  var weights: LayerWeights
  /// The float layer whose hidden states others are fitted to. Where a step prunes, it is the layer as the checkpoint has
  /// it, rotated once `rotate` has been applied. Elsewhere it is nil until matrices are rounded, because the steps before
  /// that leave the layer's outputs as they are and so need not keep two layers.
  private(set) var original: LayerWeights?
  /// What the checkpoint has in float32; other tensors end as bf16 or rounded.
  let float32Tensors: Set<LayerTensor>
  let index: Int
  /// The step that is being applied.
  var stepIndex = 0
  /// nil when no step needs activations.
  let activations: WatchedStatistics?
  let recipe: Recipe
  /// The formats of the step that rounds, which may still be to come; nil when there is none.
  let formats: TensorFormats?
  /// The rotation of the recipe's `rotate` step; nil without one.
  let rotation: ModelRotation?
  let headSize: Int
  let compute: Compute
  /// What the steps did.
  var record = PartRecord()
  /// The moments at the attention's output, reduced to the columns that an earlier cut kept.
  var attentionMoments: StreamMoments?

  /// Whether a step after this one repairs the layer too.
  var isRepairedLater: Bool {
    recipe.steps.dropFirst(stepIndex + 1).contains { $0.repairs(layer: index) }
  }

  /// The layer that the windows of the float model run through.
  var float: LayerWeights { original ?? weights }

  init(
    _ weights: LayerWeights, index: Int, optimizer: LayerOptimizer, activations: (any ActivationStatistics)?
  ) {
    self.weights = weights
    float32Tensors = Set(LayerTensor.projections.filter { weights[$0].isFloat32 })
    self.index = index
    self.activations = activations.map { WatchedStatistics($0, layer: index) }
    recipe = optimizer.recipe
    formats = optimizer.formats
    rotation = optimizer.rotation
    headSize = optimizer.headSize
    compute = optimizer.compute
    if recipe.prunes { original = weights }
  }

  /// Replaces the layer by the same one in another basis.
  mutating func change(basis rotated: LayerWeights) {
    weights = rotated
    if original != nil { original = rotated }
  }

  /// Matrices are about to be rounded.
  mutating func keepFloat() {
    if original == nil { original = weights }
  }

  var pruner: LayerPruner { LayerPruner(headSize: headSize, compute: compute) }

  /// The statistics for a cut at `site`.
  func moments(at site: ActivationSite) throws(OptimizationError) -> StreamMoments {
    guard let activations else { preconditionFailure("a step that prunes needs activations") }
    do throws(CalibrationError) {
      return try activations.moments(at: site, of: weights, original: float)
    } catch {
      throw .calibration(error)
    }
  }
}
