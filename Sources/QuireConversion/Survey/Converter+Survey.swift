import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import QuireModel
import QuireText
import QuireTensors

extension Converter {
  /// Whether the recipe needs no survey; otherwise `settled` surveys the model first.
  package var isSettled: Bool { optimizer.recipe.isSettled }

  /// Measures the cost of every pruning and `budget` step of the recipe, before anything is changed.
  ///
  /// - Parameter progress: the stage, survey or trials of repair, and its parts done and their total
  package func surveyOfEverything(
    progress: @escaping (_ stage: WorkStage, _ done: Int, _ total: Int) -> Void = { _, _, _ in }
  ) throws(ConversionError) -> Survey {
    try survey(optimizer.recipe.measurableSteps, progress)
  }

  /// The same without files to resume from.
  private func survey(
    _ steps: [Int: RecipeStep], _ progress: @escaping (_ stage: WorkStage, _ done: Int, _ total: Int) -> Void
  ) throws(ConversionError) -> Survey {
    var survey = Survey()
    if let task = try surveyTask(steps) {
      let work = WorkMeter(total: task.work.total(), task.rates) { progress(.survey, $0, $1) }
      survey = try Surveyor(task, in: nil, work).measureAll()
    }
    if let trial = try repairTrial(survey) {
      for index in RepairTrial.shares.indices {
        survey.repair.append(try trial.outcome(of: index) { progress(.repair, $0, $1) })
      }
    }
    return survey
  }

  /// The trial of repair with the counts that a survey has decided; nil where nothing has to be tried.
  private func repairTrial(_ survey: Survey) throws(ConversionError) -> RepairTrial? {
    guard optimizer.recipe.awaitsRepairShare, let calibration else { return nil }
    var counts = survey
    counts.repair = []
    return RepairTrial(
      recipe: try optimizer.recipe.settled(by: counts, loader.configuration), loader: loader,
      calibration: calibration, compute: compute)
  }

  /// Measures the cost of the steps that need a survey, for the conversion to the pack at `path`.
  ///
  /// A run that is killed leaves its results up to the last layer next to `path`, and a finished survey is kept
  /// there until the pack is finished; the next run of the same conversion uses it.
  ///
  /// - Parameters:
  ///   - resumes: whether to keep such files and to look for them.
  ///   - progress: the stage, survey or trials of repair, and its parts done and their total
  ///   - onStart: called once, before any work.
  package func survey(
    forPack path: String, resumes: Bool = true,
    progress: @escaping (_ stage: WorkStage, _ done: Int, _ total: Int) -> Void = { _, _, _ in },
    onStart: (RunStart) -> Void = { _ in }
  ) throws(ConversionError) -> Survey {
    guard !isSettled else { return Survey() }
    guard resumes else {
      UnfinishedFiles(of: path).remove(UnfinishedFiles.Part.ofSurvey)
      onStart(RunStart(.survey, .nothing))
      return try survey(optimizer.recipe.unsettledSteps, progress)
    }
    let task = try surveyTask(optimizer.recipe.unsettledSteps)
    let key = try surveyKey(task)
    let run = try SurveyRun(
      task, layerCount: loader.configuration.layerCount, forPack: path, key: key, progress: progress)
    onStart(run.start)
    return try run.perform { survey throws(ConversionError) in try repairTrial(survey) }
  }

  /// Everything that decides the results of the survey before the conversion.
  func surveyKey() throws(ConversionError) -> ConversionKey {
    try surveyKey(surveyTask(optimizer.recipe.unsettledSteps))
  }

  private func surveyKey(_ task: SurveyTask?) throws(ConversionError) -> ConversionKey {
    try ConversionKey(
      checkpoint: loader.checkpoint, recipe: optimizer.recipe.surveyed,
      calibration: task?.calibration ?? calibration,
      statistics: statistics, chatFormat: tokenizer.chatFormat, toolVersion: toolVersion)
  }

  private func surveyTask(_ steps: [Int: RecipeStep]) throws(ConversionError) -> SurveyTask? {
    guard !steps.isEmpty else { return nil }
    return SurveyTask(
      recipe: optimizer.recipe, steps: steps, loader: loader, calibration: try surveyText(steps),
      statistics: statistics, compute: compute, rates: plan.rates)
  }

  /// The text that a survey runs. With statistics from a file, only trials on the whole model need one.
  private func surveyText(_ steps: [Int: RecipeStep]) throws(ConversionError) -> CalibrationSet? {
    let work = SurveyWork(
      Array(steps.values), of: optimizer.recipe, optimizer.recipe.rotatedConfiguration(loader.configuration),
      calibration, threadCount: compute.team.threadCount)
    guard calibration == nil, work.probeCount > 0 else { return calibration }
    return try optimizer.recipe.calibrationSet(loader, tokenizer)
  }

  /// The conversion with the survey's decisions written into its recipe.
  package func settled(by survey: Survey) throws(ConversionError) -> Converter {
    try Converter(
      loader.checkpoint, recipe: try optimizer.recipe.settled(by: survey, loader.configuration),
      compute: compute, toolVersion: toolVersion, chatFormat: askedChatFormat)
  }
}

extension Recipe {
  /// The parts of a recipe that a survey depends on; a budget's limit is not among them.
  fileprivate var surveyed: Recipe {
    let all = (steps + upcoming).map { $0.settings.surveyed.step }
    return Recipe(
      name: "survey of steps \(unsettledSteps.keys.sorted())", steps: all, calibration: calibration)
  }
}
