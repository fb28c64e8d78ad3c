import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel

extension Recipe {
  /// How many of the steps, first its own and then those to come, must be settled before its own can be applied:
  /// smoothing depends on a later step.
  private var relevantCount: Int {
    steps.contains { $0.settings.preparesRounding } ? steps.count + upcoming.count : steps.count
  }

  /// Whether none of these steps needs a survey of the whole model.
  package var isSettled: Bool { unsettledSteps.isEmpty && !awaitsRepairShare }

  /// Whether trials have to decide how much of a repair is applied. Statistics from a file have no text to try it on.
  var awaitsRepairShare: Bool {
    calibration.statistics == nil && steps.contains { $0.settings.awaitsRepairShare }
  }

  /// The steps up to the last one that removes something, those to come included, with this share of repair. Without
  /// those that prepare for rounding, which do not change the float model.
  func repaired(share: Double) -> Recipe {
    let all = steps + upcoming
    let count = (all.lastIndex { $0.settings.removesInputs } ?? -1) + 1
    return Recipe(
      name: name,
      steps: all.prefix(count).filter { !$0.settings.preparesRounding }
        .map { $0.settings.repairing(share: share).step },
      calibration: calibration)
  }

  /// The steps that a survey must settle, by index.
  var unsettledSteps: [Int: RecipeStep] {
    measurableSteps.filter { !$0.value.isSettled }
  }

  /// The steps that a survey can measure, by index.
  var measurableSteps: [Int: RecipeStep] {
    let indexed = (steps + upcoming).prefix(relevantCount).enumerated().map { ($0.offset, $0.element) }
    return Dictionary(uniqueKeysWithValues: indexed.filter { $0.1.settings.isMeasurable })
  }

  /// The recipe with the survey's decisions written into its steps.
  func settled(by survey: Survey, _ configuration: ModelConfiguration) throws(ConversionError) -> Recipe {
    var all = steps + upcoming
    var configuration = configuration
    for index in all.indices.prefix(relevantCount) {
      (all[index], configuration) = try placing(index) { () throws(ConversionError) in
        let settings = try all[index].settings.settled(by: survey, index: index, configuration)
        return (settings.step, try settings.configuration(after: configuration))
      }
    }
    if let share = survey.repairShare { all = all.map { $0.settings.repairing(share: share).step } }
    return replacingSteps(all)
  }
}
