import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel
import QuireText
import QuireTensors

extension Converter {
  /// Whether the recipe says all by itself; otherwise `settled` surveys the model first.
  package var isSettled: Bool { optimizer.recipe.isSettled }

  /// Measures what every pruning and `budget` step of the recipe would cost, before anything is cut.
  ///
  /// - Parameter progress: parts done, and of how many
  package func surveyOfEverything(
    progress: @escaping (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(ConversionError) -> Survey {
    guard let task = try surveyTask(optimizer.recipe.measurableSteps) else { return Survey() }
    return try Surveyor(task, in: nil, WorkMeter(total: task.work.total(), report: progress))
      .measureAll()
  }

  /// Measures what the steps would cost that cannot do without, for the conversion to the pack at `path`.
  ///
  /// A run that is killed leaves beside `path` what it knows after the last layer, and a finished survey stays there
  /// until the pack is finished; the next run of the same conversion uses it.
  ///
  /// - Parameters:
  ///   - resumes: whether to leave and to look for such files.
  ///   - onStart: called once, before any work.
  package func survey(
    forPack path: String, resumes: Bool = true,
    progress: @escaping (_ done: Int, _ total: Int) -> Void = { _, _ in },
    onStart: (RunStart) -> Void = { _ in }
  ) throws(ConversionError) -> Survey {
    guard let task = try surveyTask(optimizer.recipe.unsettledSteps) else { return Survey() }
    guard resumes else {
      UnfinishedFiles(of: path).remove(UnfinishedFiles.Part.ofSurvey)
      onStart(RunStart(.survey, .nothing))
      return try Surveyor(task, in: nil, WorkMeter(total: task.work.total(), report: progress))
        .measureAll()
    }
    let key = try ConversionKey(
      checkpoint: loader.checkpoint, recipe: optimizer.recipe.surveyed, calibration: task.calibration,
      statistics: statistics, chatFormat: tokenizer.chatFormat, toolVersion: toolVersion)
    let run = try SurveyRun(task, forPack: path, key: key, progress: progress)
    onStart(run.start)
    return try run.perform()
  }

  private func surveyTask(_ steps: [Int: RecipeStep]) throws(ConversionError) -> SurveyTask? {
    guard !steps.isEmpty else { return nil }
    return SurveyTask(
      recipe: optimizer.recipe, steps: steps, loader: loader, calibration: try surveyText(steps),
      statistics: statistics, compute: compute)
  }

  /// The text that a survey runs. With statistics from a file only trials on the whole model need one.
  private func surveyText(_ steps: [Int: RecipeStep]) throws(ConversionError) -> CalibrationSet? {
    let work = SurveyWork(Array(steps.values), of: optimizer.recipe, loader.configuration)
    guard calibration == nil, work.probeCount > 0 else { return calibration }
    return try optimizer.recipe.calibrationSet(loader, tokenizer)
  }

  /// The conversion with what a survey decides written into its recipe.
  package func settled(by survey: Survey) throws(ConversionError) -> Converter {
    try Converter(
      loader.checkpoint, recipe: try optimizer.recipe.settled(by: survey, loader.configuration),
      compute: compute, toolVersion: toolVersion, chatFormat: askedChatFormat)
  }
}

extension Recipe {
  /// All of a recipe that a survey depends on: what a budget's limit is, it need not know.
  fileprivate var surveyed: Recipe {
    let all = (steps + upcoming).map { $0.settings.surveyed.step }
    return Recipe(
      name: "survey of steps \(unsettledSteps.keys.sorted())", steps: all, calibration: calibration)
  }
}
