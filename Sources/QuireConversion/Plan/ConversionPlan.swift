import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
package import QuireModel
package import QuireTensors

/// What a conversion will do, known from recipe and configuration alone: nothing is read but headers.
///
///     let plan = try ConversionPlan(recipe: recipe, configuration: configuration, threadCount: 2)
///     print(plan.text)
///
/// Making the plan is also the check: groups that do not fit, removals that leave no head and overrides that
/// match nothing are refused here, before any work.
package struct ConversionPlan: Sendable {
  package let recipe: Recipe
  /// The model before the first step, and after each.
  package let stages: [Stage]
  /// Bytes the conversion needs at its peak, the program itself not counted.
  package let memory: MemoryEstimate
  /// What the survey before the conversion computes; nil for a recipe that says all by itself.
  let survey: SurveyWork?

  /// The model at one point of the recipe.
  package struct Stage: Sendable {
    /// "checkpoint", or the step's name.
    package let step: String
    package let configuration: ModelConfiguration
    package let tensors: [PlannedTensor]

    package var parameterCount: Int { tensors.reduce(0) { $0 + $1.parameterCount } }
    package var byteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }
    package var bitsPerWeight: Double { 8 * Double(byteCount) / Double(max(1, parameterCount)) }
  }

  /// One tensor at one point of the recipe.
  package struct PlannedTensor: Sendable, Equatable {
    package let name: TensorName
    package let shape: [Int]
    package let format: WeightFormat

    package var parameterCount: Int { shape.reduce(1, *) }
    /// Bytes in memory, before compression.
    package var byteCount: Int {
      shape.count == 2 ? format.byteCount(rows: shape[0], columns: shape[1]) : 2 * parameterCount
    }
  }

  package init(
    recipe: Recipe, configuration: ModelConfiguration, threadCount: Int
  ) throws(ConversionError) {
    self.recipe = recipe
    var stages = [Stage(step: "checkpoint", configuration: configuration, formats: { _ in .bf16 })]
    for step in recipe.steps {
      let before = stages[stages.count - 1].configuration
      switch step {
      case .pruneHeads(let settings):
        let layers = try Self.shapes(after: settings, before.layers)
        stages.append(
          Stage(step: step.name, configuration: before.replacingLayers(layers), formats: { _ in .bf16 }))
      case .pruneNeurons(let settings):
        let layers = try Self.shapes(after: settings, before.layers)
        stages.append(
          Stage(step: step.name, configuration: before.replacingLayers(layers), formats: { _ in .bf16 }))
      case .smooth:
        stages.append(Stage(step: step.name, configuration: before, formats: { _ in .bf16 }))
      case .quantize, .budget:
        guard let settings = step.quantization else { preconditionFailure("the step rounds") }
        let formats = try wrapping(ConversionError.optimization, try TensorFormats(settings, before))
        let stage = Stage(step: step.name, configuration: before, formats: formats.format(of:))
        try stage.validate(pruned: before.layers != configuration.layers)
        stages.append(stage)
      }
    }
    self.stages = stages
    survey =
      recipe.isSettled
      ? nil : SurveyWork(Array(recipe.unsettledSteps.values), of: recipe, configuration)
    memory = MemoryEstimate(recipe: recipe, stages: stages, threadCount: threadCount, survey: survey)
  }

  /// Bytes of the calibration's hidden rows in files beside the pack, while it is being made.
  package var scratchBytes: Int {
    recipe.needsCalibration && recipe.calibration.statistics == nil
      ? CalibrationRun.diskBytes(
        recipe.calibration, source.configuration, withReference: recipe.needsReference) : 0
  }

  /// The model before any step.
  package var source: Stage { stages[0] }
  /// The model as it will be.
  package var result: Stage { stages[stages.count - 1] }

  /// The layers' shapes that a `prune-neurons` step leaves; as they are while it is not settled.
  static func shapes(
    after settings: NeuronPruningSettings, _ layers: [LayerShape]
  ) throws(ConversionError) -> [LayerShape] {
    try settings.removal.check(layerCount: layers.count)
    guard settings.removal.isSettled else { return layers }
    var result: [LayerShape] = []
    for (index, shape) in layers.enumerated() {
      let count = settings.removal.count(layer: index)
      let largest = NeuronPruning.largestRemoval(group: settings.group, shape: shape)
      guard count <= largest else {
        throw .removesTooMuch(layer: index, unit: NeuronPruning.unit, asked: count, largest: largest)
      }
      result.append(shape.keepingNeurons(shape.intermediateSize - count))
    }
    return result
  }

  /// The layers' shapes that a `prune-heads` step leaves; as they are while it is not settled.
  static func shapes(
    after settings: HeadPruningSettings, _ layers: [LayerShape]
  ) throws(ConversionError) -> [LayerShape] {
    try settings.removal.check(layerCount: layers.count)
    guard settings.removal.isSettled else { return layers }
    var result: [LayerShape] = []
    for (index, shape) in layers.enumerated() {
      let count = settings.removal.count(layer: index)
      let largest = HeadPruning.largestRemoval(settings.unit, shape: shape)
      guard count <= largest else {
        throw .removesTooMuch(layer: index, unit: settings.unit.rawValue, asked: count, largest: largest)
      }
      result.append(HeadPruning.expectedShape(settings.unit, removing: count, from: shape))
    }
    return result
  }
}

extension ConversionPlan.Stage {
  init(
    step: String, configuration: ModelConfiguration, formats: (TensorName) -> WeightFormat
  ) {
    self.step = step
    self.configuration = configuration
    tensors = configuration.tensorNames.map { name in
      ConversionPlan.PlannedTensor(
        name: name, shape: name.shape(in: configuration), format: formats(name))
    }
  }

  /// Every format must fit its matrix.
  fileprivate func validate(pruned: Bool) throws(ConversionError) {
    for tensor in tensors where tensor.shape.count == 2 {
      let columns = tensor.shape[1]
      if let group = tensor.format.group, columns % group != 0 {
        throw .optimization(
          .group(
            tensor: tensor.name.string, columns: columns, group: group,
            cause: pruned ? tensor.name.pruningCause : ""))
      }
      do throws(TensorError) {
        try tensor.format.validate(columns: columns, name: tensor.name.string)
      } catch {
        throw .optimization(.tensor(error))
      }
    }
  }
}

extension TensorName {
  /// Which step has left a matrix as wide as it is, if one has.
  fileprivate var pruningCause: String {
    switch self {
    case .layer(_, .outputProjection): " as \"prune-heads\" leaves it"
    case .layer(_, .downProjection): " as \"prune-neurons\" leaves it"
    default: ""
    }
  }
}

extension Removal {
  fileprivate func check(layerCount: Int) throws(ConversionError) {
    if case .perLayer(let counts) = self, counts.count != layerCount {
      throw .removalCounts(found: counts.count, layers: layerCount)
    }
  }
}
