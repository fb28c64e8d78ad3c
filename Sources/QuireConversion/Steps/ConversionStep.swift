import QuireCalibration
import QuireModel
import QuireOptimization

/// What a step of a recipe answers for itself. Its settings conform; plan, survey, run and report only ask.
///
/// A new step is a folder beside this file and a case of ``RecipeStep``.
protocol ConversionStep: Sendable, Equatable {
  /// What recipes, plans and evaluation rows call it.
  static var name: String { get }
  /// Reads the step's object; throws for unknown fields and values.
  init(_ node: RecipeNode) throws(ConversionError)
  var step: RecipeStep { get }

  // MARK: What it looks at

  /// Whether it looks at activations at all.
  var needsCalibration: Bool { get }
  /// Whether it may look at those of a layer.
  func needsActivations(layer: Int) -> Bool
  /// Whether it refits what it leaves, towards the unpruned model.
  var repairs: Bool { get }
  /// Whether it may do so in a layer.
  func repairs(layer: Int) -> Bool
  /// Whether it prepares the weights for the step that rounds, which must follow.
  var preparesRounding: Bool { get }

  // MARK: The model after it

  /// The layers' shapes that it leaves; as they are while a survey must decide.
  func shapes(after layers: [LayerShape]) throws(ConversionError) -> [LayerShape]
  /// How it rounds; nil for steps that do not.
  var rounding: QuantizationSettings? { get }
  /// The rounding to plan with: before a survey that of the smallest formats.
  func plannedRounding(_ configuration: ModelConfiguration) throws(ConversionError) -> QuantizationSettings?
  /// Refuses what cannot be met, before any work. `isExact`: whether the shapes are those that the step will find.
  func check(_ configuration: ModelConfiguration, isExact: Bool) throws(ConversionError)

  // MARK: Memory, work and words of the plan

  /// Bytes that it holds while it works on one layer, besides the layer.
  func memoryBytes(_ configuration: ModelConfiguration, threadCount: Int) -> Int
  /// Float32 multiply-adds that one matrix of a layer takes, the windows through it included.
  func multiplyAdds(_ matrix: MatrixWork) -> Double
  /// What the plan says about it.
  func planSentence(_ plan: ConversionPlan) -> String?

  // MARK: Survey

  /// Whether a survey can say something about it, and whether it can do without one.
  var isMeasurable: Bool { get }
  var isSettled: Bool { get }
  /// Changes of one layer that a survey tries on the whole model, at most.
  func trialCount(in shape: LayerShape) -> Int
  /// The step with what the survey decides; `configuration` is that of the model before it.
  func settled(
    by survey: Survey, index: Int, _ configuration: ModelConfiguration
  ) throws(ConversionError) -> Self
  /// All of it that a survey depends on.
  var surveyed: Self { get }

  // MARK: Run

  /// What the report tells of its decisions.
  var decision: BudgetDecision? { get }
  /// Does it to one layer.
  func apply(to layer: inout LayerState) throws(OptimizationError)
}

/// One matrix of a layer, for estimates of work.
struct MatrixWork {
  let rows: Double
  let columns: Double
  /// Tokens that run; 0 when statistics come from a file.
  let tokens: Double
  /// Of the matrices that read the same activations, one stands for their statistics.
  let ownsStatistics: Bool

  /// What the Gram matrix of its inputs takes.
  var gram: Double { ownsStatistics ? tokens / 2 * columns * columns : 0 }
}

// Most steps leave most things alone.
extension ConversionStep {
  var needsCalibration: Bool { true }
  var repairs: Bool { false }
  func repairs(layer: Int) -> Bool { false }
  var preparesRounding: Bool { false }
  func shapes(after layers: [LayerShape]) throws(ConversionError) -> [LayerShape] { layers }
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
