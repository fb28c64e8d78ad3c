import QuireCalibration
import QuireOptimization
import QuireCheckpoints
import QuireModel
import QuireTensors

/// What a survey measures, and on which text.
struct SurveyTask {
  let recipe: Recipe
  /// The steps to measure, by index.
  let steps: [Int: RecipeStep]
  let loader: LayerLoader
  /// The text to run; nil when all that is needed can be read from `statistics`.
  let calibration: CalibrationSet?
  let statistics: StatisticsFile?
  let compute: Compute
  /// Of the machine, for the progress.
  var rates = WorkRates()
  /// Whether the removal of every unit of heads is tried, not only that of near ties.
  var triesEveryUnit = false

  /// The text whose statistics are measured; nil when they are read from a file.
  var runningText: CalibrationSet? { statistics == nil ? calibration : nil }
  /// The text on which changes are tried; nil when none are.
  var triedText: CalibrationSet? { work.probeCount > 0 ? calibration : nil }

  var configuration: ModelConfiguration { recipe.rotatedConfiguration(loader.configuration) }
  var rotation: ModelRotation? {
    recipe.rotation.map { ModelRotation($0, loader.configuration, compute) }
  }

  /// The steps of one kind, in their order.
  private func all<Settings>(_ type: Settings.Type) -> [(step: Int, settings: Settings)] {
    steps.sorted { $0.key < $1.key }.compactMap { step in
      (step.value.settings as? Settings).map { (step.key, $0) }
    }
  }

  var budget: BudgetSettings? { all(BudgetSettings.self).first?.settings }
  var heads: [(step: Int, settings: HeadPruningSettings)] { all(HeadPruningSettings.self) }
  var neurons: [(step: Int, settings: NeuronPruningSettings)] { all(NeuronPruningSettings.self) }

  /// The smoothing that is applied to a budget's matrices before rounding.
  var smoothing: SmoothingSettings? {
    budget == nil ? nil : recipe.steps.lazy.compactMap { $0.settings as? SmoothingSettings }.first
  }

  var work: SurveyWork {
    SurveyWork(
      Array(steps.values), of: recipe, configuration, calibration, threadCount: compute.team.threadCount)
  }
}
