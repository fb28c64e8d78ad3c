import QuireCalibration
package import QuireCheckpoints
import QuireFiles
import QuireModel
import QuireOptimization
package import QuireTensors
package import QuireText

/// Measures what each part of a model is worth: the cost of rounding each matrix alone, and of removing each head and each
/// KV group alone. These are the measurements that `budget` and `prune-heads` decide by, for all parts instead of those
/// that a recipe asks for.
///
///     let survey = try SensitivitySurvey(checkpoint, compute: compute)
///     let result = try survey.run { print($0, "of", $1) }
///     result.sensitivities   // matrices
///     result.pruning[SensitivitySurvey.groupStep]   // KV groups
package struct SensitivitySurvey {
  /// The indices of the survey's pruning tables.
  package static let groupStep = 0
  package static let headStep = 1
  private static let budgetStep = 2

  /// Short windows, because each trial runs all of them through the model.
  private static let calibration = CalibrationSettings(windowCount: 32, windowTokens: 128)

  private let task: SurveyTask
  /// The calibration text's name, its tokens, and how many of them every change is tried on.
  package let textName: String
  package let sequences: [[Int32]]
  package let tokenCount: Int

  /// - Parameter chatFormat: the format to render chats in; nil: that of the checkpoint's template
  package init(
    _ checkpoint: Checkpoint, compute: Compute, chatFormat: ChatFormatOverride? = nil
  ) throws(ConversionError) {
    let loader = try wrapping(ConversionError.model, try LayerLoader(checkpoint))
    let tokenizer = try wrapping(ConversionError.text, try checkpoint.tokenizer(chatFormat: chatFormat))
    let steps = Self.steps(loader.configuration)
    let recipe = Recipe(
      name: "sensitivity", steps: steps.sorted { $0.key < $1.key }.map(\.value), calibration: Self.calibration
    )
    let text = try recipe.calibrationSet(loader, tokenizer)
    task = SurveyTask(
      recipe: recipe, steps: steps, loader: loader, calibration: text, statistics: nil, compute: compute,
      triesEveryUnit: true)
    textName = text.sourceName
    sequences = text.windows.flatMap(\.sequences)
    tokenCount = min(text.tokenCount, task.work.probeTokens)
  }

  private static func steps(_ configuration: ModelConfiguration) -> [Int: RecipeStep] {
    var steps: [Int: RecipeStep] = [
      budgetStep: .budget(
        BudgetSettings(limit: .divergence(0), quantization: QuantizationSettings(target: .int4())))
    ]
    func heads(_ unit: HeadUnit) -> RecipeStep? {
      // A layer cannot lose its last unit.
      guard configuration.layers.allSatisfy({ HeadPruning.largestRemoval(unit, shape: $0) > 0 }) else {
        return nil
      }
      return .pruneHeads(HeadPruningSettings(unit: unit, removal: .uniform(1), tries: true))
    }
    steps[groupStep] = heads(.keyValueGroup)
    steps[headStep] = heads(.queryHead)
    return steps
  }

  /// - Parameter progress: parts done, and their total
  package func run(
    progress: @escaping (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(ConversionError) -> Survey {
    try Surveyor(task, in: nil, WorkMeter(total: task.work.total(), task.rates, report: progress))
      .measureAll()
  }
}
