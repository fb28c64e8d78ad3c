package import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
package import QuireModel
package import QuireTensors

/// What a conversion will do, computed from the recipe and the configuration; only headers are read.
///
///     let plan = try ConversionPlan(recipe: recipe, configuration: configuration, threadCount: 2)
///     print(plan.text)
///
/// Creating the plan checks the recipe: groups that do not fit, removals that leave no head and overrides that
/// match nothing are refused before any work.
package struct ConversionPlan: Sendable {
  package let recipe: Recipe
  /// The model before the first step, and after each.
  package let stages: [Stage]
  /// Peak memory of the conversion in bytes, the program itself included.
  package let memory: MemoryEstimate
  /// The calibration text; nil when none is needed, or it is not known yet.
  package let calibration: CalibrationSet?
  /// The recipe's calibration, with at most as many windows as the text gives.
  let windows: CalibrationSettings
  /// The work of the survey before the conversion; nil for a recipe that needs none.
  let survey: SurveyWork?
  /// One trial of repair before the conversion; empty for a recipe that needs none.
  let repairTrial: [ConversionPlan]
  /// The formats that the time is counted with, of the step that rounds, which may still be to come; nil when there is none.
  let formats: TensorFormats?
  let threadCount: Int
  /// The speed of the machine: that of a typical one until it is measured (`WorkProbes`).
  package var rates = WorkRates()
  /// What the run found of an earlier one; nil before that is known.
  package var start: RunStart?

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
    /// Whether it takes four bytes a value (`Float32Tensors`).
    package var isFloat32 = false
    /// Bytes of a matrix of the checkpoint that another program quantized; nil for other tensors.
    package var quantizedBytes: Int?

    package var parameterCount: Int { shape.reduce(1, *) }
    /// Bytes in memory as it is read: what another program quantized is float32 then.
    package var readBytes: Int { quantizedBytes == nil ? byteCount : 4 * parameterCount }
    /// Bytes in memory, before compression.
    package var byteCount: Int {
      if let quantizedBytes { return quantizedBytes }
      if isFloat32 { return 4 * parameterCount }
      return shape.count == 2 ? format.byteCount(rows: shape[0], columns: shape[1]) : 2 * parameterCount
    }
  }

  /// - Parameters:
  ///   - calibration: the calibration text, when it is known
  ///   - sources: sizes of the checkpoint's files, which count in memory
  ///   - source: the checkpoint's quantized matrices; without steps they are kept
  ///   - float32: what takes four bytes a value at the start
  package init(
    recipe: Recipe, configuration: ModelConfiguration, threadCount: Int, calibration: CalibrationSet? = nil,
    sources: SourceSizes = SourceSizes(), source: QuantizedSource? = nil,
    float32: Float32Tensors = Float32Tensors()
  ) throws(ConversionError) {
    self.recipe = recipe
    self.calibration = calibration
    let effective = recipe.replacingCalibration(recipe.calibration.limited(to: calibration))
    windows = effective.calibration
    var stages = [
      Stage(checkpoint: configuration, keepsGrids: recipe.steps.isEmpty, source: source, float32: float32)
    ]
    let planned = recipe.plannedFormats(configuration)
    let start = float32
    var float32 = start
    var isExact = true
    for (index, step) in recipe.steps.enumerated() {
      let before = stages[stages.count - 1].configuration
      float32 = float32.after(step, before, planned)
      let stage = try recipe.placing(index) { () throws(ConversionError) in
        try Stage(
          after: step, before, float32: float32, isExact: isExact, checkpoint: configuration)
      }
      stages.append(stage)
      // A removal whose counts are settled, but not its trials, already has its own shapes.
      isExact = isExact && (step.isSettled || stage.configuration.layers != before.layers)
    }
    self.stages = stages
    self.threadCount = threadCount
    formats = try recipe.placing(nil) { () throws(ConversionError) in
      try recipe.expectedFormats(recipe.rotatedConfiguration(configuration))
    }
    survey =
      recipe.unsettledSteps.isEmpty
      ? nil
      : SurveyWork(
        Array(recipe.unsettledSteps.values), of: effective, recipe.rotatedConfiguration(configuration),
        calibration, threadCount: threadCount)
    repairTrial =
      recipe.awaitsRepairShare
      ? [
        try ConversionPlan(
          recipe: recipe.repaired(share: 1), configuration: configuration, threadCount: threadCount,
          calibration: calibration, sources: sources, float32: start)
      ] : []
    let own = MemoryEstimate(
      recipe: recipe, windows: windows, calibration: calibration, stages: stages, threadCount: threadCount,
      survey: survey, sources: sources)
    let (text, first) = (windows, stages[0])
    let before = repairTrial.map { $0.memory.ofTrial(text, calibration, first, sources) }
    memory = before.first { $0.peakBytes > own.peakBytes } ?? own
  }

  /// The expected time of the whole conversion at these rates.
  package var time: PlannedTime { PlannedTime(ConversionWork(self), rates) }
  /// The expected time of what an earlier run has not done.
  package var timeLeft: PlannedTime { PlannedTime(ConversionWork(self).left(of: self), rates) }

  /// The same plan for a run that began so.
  func resuming(_ start: RunStart) -> ConversionPlan {
    var result = self
    result.start = start
    return result
  }

  /// The model before any step.
  package var source: Stage { stages[0] }
  /// The model after all steps.
  package var result: Stage { stages[stages.count - 1] }
}

extension ConversionPlan.Stage {
  /// The model after a step, which is refused where its settings do not fit the model.
  fileprivate init(
    after step: RecipeStep, _ before: ModelConfiguration, float32: Float32Tensors, isExact: Bool,
    checkpoint: ModelConfiguration
  ) throws(ConversionError) {
    try step.settings.check(before, isExact: isExact)
    let after = try step.settings.configuration(after: before)
    let rounding = try step.settings.plannedRounding(before)
    let formats = try rounding.map { settings throws(ConversionError) in
      try wrapping(ConversionError.optimization, try TensorFormats(settings, after))
    }
    self.init(step: step.name, configuration: after, float32: float32) { formats?.format(of: $0) ?? .bf16 }
    if formats != nil { try validate(pruned: after.layers != checkpoint.layers) }
  }

  /// The model before any step: as its files store it, or as a pack without steps will hold it.
  ///
  /// - Parameter keepsGrids: whether the weights stay as they are
  fileprivate init(
    checkpoint configuration: ModelConfiguration, keepsGrids: Bool, source: QuantizedSource?,
    float32: Float32Tensors
  ) {
    self.init(
      step: "checkpoint", configuration: configuration, float32: float32.stored(keepsGrids: keepsGrids),
      quantizedBytes: keepsGrids ? [:] : source?.storedBytes ?? [:],
      formats: { source?.kept[$0.string] ?? .bf16 })
  }

  init(
    step: String, configuration: ModelConfiguration, float32: Float32Tensors,
    quantizedBytes: [String: Int] = [:], formats: (TensorName) -> WeightFormat
  ) {
    self.step = step
    self.configuration = configuration
    tensors = configuration.tensorNames.map { name in
      let format = formats(name)
      return ConversionPlan.PlannedTensor(
        name: name, shape: name.shape(in: configuration), format: format,
        isFloat32: float32.contains(name) && (name.isNorm || format == .bf16),
        quantizedBytes: quantizedBytes[name.string])
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
  /// The step that pruned the inputs of a matrix, if one did.
  fileprivate var pruningCause: String {
    switch self {
    case .layer(_, .outputProjection): " as \"prune-heads\" leaves it"
    case .layer(_, .downProjection): " as \"prune-neurons\" leaves it"
    default: ""
    }
  }
}
