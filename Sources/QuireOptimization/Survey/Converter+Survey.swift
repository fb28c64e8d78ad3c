import QuireModel
import QuireTensors

extension Converter {
  /// Whether the recipe says all by itself; otherwise `settled` surveys the model first.
  package var isSettled: Bool { optimizer.recipe.isSettled }

  /// Measures what the recipe's steps would cost, before anything is cut: every pruning and `budget` step, or only
  /// those that cannot do without.
  ///
  /// - Parameter progress: parts done, and of how many
  package func survey(
    everything: Bool = true, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(OptimizationError) -> Survey {
    let recipe = optimizer.recipe
    let steps = everything ? recipe.measurableSteps : recipe.unsettledSteps
    guard let calibration, !steps.isEmpty else { return Survey() }
    return try Surveyor(
      recipe: recipe, loader: loader, calibration: calibration, compute: compute, steps: steps
    ).run(progress: progress)
  }

  /// The conversion with what a survey decides written into its recipe.
  package func settled(by survey: Survey) throws(OptimizationError) -> Converter {
    try Converter(
      loader.checkpoint, recipe: try optimizer.recipe.settled(by: survey, loader.configuration),
      compute: compute, toolVersion: toolVersion)
  }
}
