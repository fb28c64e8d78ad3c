import QuireCalibration
import QuireOptimization
import QuireCheckpoints
import QuireModel
import QuireTensors

/// What a survey measures, and on what.
struct SurveyTask {
  let recipe: Recipe
  /// The steps to measure, by index.
  let steps: [Int: RecipeStep]
  let loader: LayerLoader
  /// What runs; nil when all that is asked can be read in `statistics`.
  let calibration: CalibrationSet?
  let statistics: StatisticsFile?
  let compute: Compute

  /// The text whose statistics are measured; nil when those are read.
  var runningText: CalibrationSet? { statistics == nil ? calibration : nil }
  /// The text on which changes are tried; nil when none are.
  var triedText: CalibrationSet? { work.probeCount > 0 ? calibration : nil }

  var configuration: ModelConfiguration { loader.configuration }

  var budget: BudgetSettings? {
    steps.values.lazy.compactMap { if case .budget(let settings) = $0 { settings } else { nil } }.first
  }

  var heads: [(step: Int, settings: HeadPruningSettings)] {
    steps.sorted { $0.key < $1.key }.compactMap {
      if case .pruneHeads(let settings) = $0.value { ($0.key, settings) } else { nil }
    }
  }

  var neurons: [(step: Int, settings: NeuronPruningSettings)] {
    steps.sorted { $0.key < $1.key }.compactMap {
      if case .pruneNeurons(let settings) = $0.value { ($0.key, settings) } else { nil }
    }
  }

  /// The smoothing that a budget's matrices will have gone through.
  var smoothing: SmoothingSettings? {
    guard budget != nil, case .smooth(let settings)? = recipe.steps.first(where: { $0.name == "smooth" })
    else { return nil }
    return settings
  }

  var work: SurveyWork { SurveyWork(Array(steps.values), of: recipe, configuration) }
}
