import QuireCalibration
import QuireModel
import QuireOptimization

/// The interface of a recipe's step. The settings of each step conform to it; plan, survey, run and report use
/// nothing else.
///
/// A new step is a folder next to this file and a case of ``RecipeStep``.
protocol ConversionStep: Sendable, Equatable {
  /// The step's name in recipes, plans and evaluation rows.
  static var name: String { get }
  /// Reads the step's object; throws for unknown fields and values.
  init(_ node: RecipeNode) throws(ConversionError)
  var step: RecipeStep { get }

  // MARK: Required activations

  /// Whether it needs activations of any layer.
  var needsCalibration: Bool { get }
  /// Whether it may need those of a given layer.
  func needsActivations(layer: Int) -> Bool
  /// Whether it refits the weights that remain to the outputs of the unpruned model.
  var repairs: Bool { get }
  /// Whether it may do so in a given layer.
  func repairs(layer: Int) -> Bool
  /// How much of the repair is applied; nil where trials decide it, or where there is none.
  var repairShare: Double? { get }
  /// Whether trials have to decide that.
  var awaitsRepairShare: Bool { get }
  /// The step with such a share, 0 for no repair; unchanged where it is given.
  func repairing(share: Double) -> Self
  /// Whether it needs the hidden states of the checkpoint's own layers.
  var needsReference: Bool { get }
  /// Whether it may do so in a given layer.
  func needsReference(layer: Int) -> Bool
  /// Whether it prepares the weights for the rounding step, which must follow.
  var preparesRounding: Bool { get }

  // MARK: The model after it

  /// The model's configuration after the step.
  func configuration(after before: ModelConfiguration) throws(ConversionError) -> ModelConfiguration
  /// The layers' shapes after the step; unchanged while a survey must decide.
  func shapes(after layers: [LayerShape]) throws(ConversionError) -> [LayerShape]
  /// Whether it leaves matrices with fewer inputs.
  var removesInputs: Bool { get }
  /// The formats that it rounds to; nil for steps that do not round.
  var rounding: QuantizationSettings? { get }
  /// The formats to plan with: before a survey the smallest ones.
  func plannedRounding(_ configuration: ModelConfiguration) throws(ConversionError) -> QuantizationSettings?
  /// Refuses settings that cannot be met, before any work. `isExact`: whether the shapes are those that the step
  /// will find.
  func check(_ configuration: ModelConfiguration, isExact: Bool) throws(ConversionError)

  // MARK: Memory, work and text of the plan

  /// Bytes that it needs to process one layer, besides the layer.
  func memoryBytes(_ configuration: ModelConfiguration, threadCount: Int) -> Int
  /// Counts the work of `apply`, and changes the layer's shape and formats as it does.
  func addWork(to layer: inout LayerWork)
  /// The plan's sentence about it.
  func planSentence(_ plan: ConversionPlan) -> String?

  // MARK: Survey

  /// Whether a survey can measure it, and whether it needs no survey.
  var isMeasurable: Bool { get }
  var isSettled: Bool { get }
  /// The most changes of one layer that a survey tries on the whole model.
  func trialCount(in shape: LayerShape) -> Int
  /// The step with the survey's decision; `configuration` is that of the model before it.
  func settled(
    by survey: Survey, index: Int, _ configuration: ModelConfiguration
  ) throws(ConversionError) -> Self
  /// The part of it that a survey depends on.
  var surveyed: Self { get }

  // MARK: Run

  /// The report's sentence about its decisions.
  var decision: BudgetDecision? { get }
  /// Applies it to one layer.
  func apply(to layer: inout LayerState) throws(OptimizationError)
}

// Defaults: most steps need only some of these.
extension ConversionStep {
  var needsCalibration: Bool { true }
  var repairs: Bool { false }
  func repairs(layer: Int) -> Bool { false }
  var repairShare: Double? { nil }
  var awaitsRepairShare: Bool { false }
  func repairing(share: Double) -> Self { self }
  var needsReference: Bool { repairs }
  func needsReference(layer: Int) -> Bool { repairs(layer: layer) }
  var preparesRounding: Bool { false }
  func configuration(after before: ModelConfiguration) throws(ConversionError) -> ModelConfiguration {
    let layers = try shapes(after: before.layers)
    return layers == before.layers ? before : before.replacingLayers(layers)
  }
  func shapes(after layers: [LayerShape]) throws(ConversionError) -> [LayerShape] { layers }
  var removesInputs: Bool { false }
  var rounding: QuantizationSettings? { nil }
  func plannedRounding(_ configuration: ModelConfiguration) throws(ConversionError) -> QuantizationSettings? {
    rounding
  }
  func check(_ configuration: ModelConfiguration, isExact: Bool) throws(ConversionError) {}
  func planSentence(_ plan: ConversionPlan) -> String? { nil }
  var isMeasurable: Bool { false }
  var isSettled: Bool { true }
  func trialCount(in shape: LayerShape) -> Int { 0 }
  func settled(
    by survey: Survey, index: Int, _ configuration: ModelConfiguration
  ) throws(ConversionError) -> Self { self }
  var surveyed: Self { self }
  var decision: BudgetDecision? { nil }
}
