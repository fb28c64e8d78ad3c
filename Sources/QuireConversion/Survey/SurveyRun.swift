import QuireFiles

/// A survey for an unfinished pack: a note next to the pack after every measured layer and after every trial of repair, then
/// the result.
final class SurveyRun {
  /// Files of an earlier run at the output path.
  let start: RunStart

  /// nil where only repair is tried.
  private let task: SurveyTask?
  private let layerCount: Int
  private let resumable: ResumableRun
  private let journal: SurveyJournal
  private let work: WorkMeter
  private let progress: (_ stage: WorkStage, _ done: Int, _ total: Int) -> Void
  /// The state of an earlier run to resume from.
  private var found: Surveyor?

  /// Looks for the files of an earlier run next to the pack at `path`.
  init(
    _ task: SurveyTask?, layerCount: Int, forPack path: String, key: ConversionKey,
    progress: @escaping (_ stage: WorkStage, _ done: Int, _ total: Int) -> Void
  ) throws(ConversionError) {
    self.task = task
    self.layerCount = layerCount
    self.progress = progress
    let unfinished = UnfinishedFiles(of: path)
    resumable = ResumableRun(work: .survey, unfinished: unfinished, parts: UnfinishedFiles.Part.ofSurvey)
    journal = try SurveyJournal(unfinished, key: key)
    let note = journal.newest
    work = WorkMeter(
      total: task?.work.total(from: note?.layersDone ?? 0) ?? Work(), task?.rates ?? WorkRates()
    ) { progress(.survey, $0, $1) }
    if let note, note.isFinished {
      start = RunStart(.survey, .everything)
      return
    }
    var surveyor: Surveyor?
    let work = work
    var start = try resumable.start(key: key, discardedKey: journal.discardedKey, noted: note?.layersDone) {
      () throws(ConversionError) in
      guard let note else { return false }
      if note.isMeasured { return true }
      guard let task else { return false }
      surveyor = try Surveyor(task, from: note, unfinished, work)
      return surveyor != nil
    }
    if case .layers = start.found, let note, note.isMeasured { start.triedShares = note.survey.repair.count }
    self.start = start
    found = surveyor
  }

  /// Measures what is left. An error in the checkpoint's numbers would occur again, so no files are kept after one.
  ///
  /// - Parameter trial: of repair, with the decisions of the survey; nil where none is needed
  func perform(
    trial: (Survey) throws(ConversionError) -> RepairTrial?
  ) throws(ConversionError) -> Survey {
    if start.found == .everything, let note = journal.newest { return note.survey }
    return try resumable.perform { () throws(ConversionError) in
      var survey = try measured()
      if let trial = try trial(survey) {
        for index in RepairTrial.shares.indices.dropFirst(survey.repair.count) {
          survey.repair.append(try trial.outcome(of: index) { progress(.repair, $0, $1) })
          try note(survey, isFinished: false)
        }
      }
      try note(survey, isFinished: true)
      return survey
    }
  }

  /// The cost of each step, from the notes or measured now.
  private func measured() throws(ConversionError) -> Survey {
    if case .layers = start.found, let note = journal.newest, note.isMeasured { return note.survey }
    if found == nil { try journal.restart() }
    guard let task else { return Survey() }
    let run = if let found { found } else { try Surveyor(task, in: resumable.unfinished, work) }
    while !run.isPastLastLayer {
      try run.measureLayer()
      try journal.append(try run.note())
      resumable.keep()
    }
    let survey = try run.finish()
    try note(survey, isFinished: false)
    resumable.unfinished.remove([.surveyStates, .trialStates])
    return survey
  }

  private func note(_ survey: Survey, isFinished: Bool) throws(ConversionError) {
    try journal.append(
      SurveyNote(layersDone: layerCount, isFinished: isFinished, isMeasured: true, survey: survey))
    resumable.keep()
  }
}
