import QuireFiles

/// A survey for an unfinished pack: a note next to the pack after every measured layer, then the result.
final class SurveyRun {
  /// Files of an earlier run at the output path.
  let start: RunStart

  private let task: SurveyTask
  private let resumable: ResumableRun
  private let journal: SurveyJournal
  private let work: WorkMeter
  /// The state of an earlier run to resume from.
  private var found: Surveyor?

  /// Looks for the files of an earlier run next to the pack at `path`.
  init(
    _ task: SurveyTask, forPack path: String, key: ConversionKey,
    progress: @escaping (_ done: Int, _ total: Int) -> Void
  ) throws(ConversionError) {
    self.task = task
    let unfinished = UnfinishedFiles(of: path)
    resumable = ResumableRun(work: .survey, unfinished: unfinished, parts: UnfinishedFiles.Part.ofSurvey)
    journal = try SurveyJournal(unfinished, key: key)
    let note = journal.newest
    work = WorkMeter(total: task.work.total(from: note?.layersDone ?? 0), report: progress)
    if let note, note.isFinished {
      start = RunStart(.survey, .everything)
      return
    }
    var surveyor: Surveyor?
    let work = work
    start = try resumable.start(key: key, discardedKey: journal.discardedKey, noted: note?.layersDone) {
      () throws(ConversionError) in
      guard let note else { return false }
      surveyor = try Surveyor(task, from: note, unfinished, work)
      return surveyor != nil
    }
    found = surveyor
  }

  /// Measures the remaining layers. An error in the checkpoint's numbers would occur again, so no files are kept
  /// after one.
  func perform() throws(ConversionError) -> Survey {
    if start.found == .everything, let note = journal.newest { return note.survey }
    return try resumable.perform { () throws(ConversionError) in
      if found == nil { try journal.restart() }
      let run = if let found { found } else { try Surveyor(task, in: resumable.unfinished, work) }
      while !run.isPastLastLayer {
        try run.measureLayer()
        try journal.append(try run.note())
        resumable.keep()
      }
      let survey = try run.finish()
      try journal.append(SurveyNote(layersDone: run.layersDone, isFinished: true, survey: survey))
      resumable.unfinished.remove([.surveyStates, .trialStates])
      return survey
    }
  }
}
