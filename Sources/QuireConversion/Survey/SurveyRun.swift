import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireModel
import QuireCheckpoints
import QuireTensors

/// A survey for a pack on its way: every layer that was measured is noted beside the pack, and then the outcome.
final class SurveyRun {
  /// What was found beside the place of the pack.
  let start: SurveyStart

  private let task: SurveyTask
  private let path: String
  private let journal: SurveyJournal
  private let work: WorkMeter
  /// What an earlier run has left to go on with.
  private var found: Surveyor?

  /// Takes up what an earlier run has left beside the pack at `path`.
  init(
    _ task: SurveyTask, forPack path: String, key: ConversionKey,
    progress: @escaping (_ done: Int, _ total: Int) -> Void
  ) throws(ConversionError) {
    self.task = task
    self.path = path
    journal = try SurveyJournal(beside: path, key: key)
    let note = journal.newest
    work = WorkMeter(total: task.work.total(from: note?.layersDone ?? 0), report: progress)
    if let note {
      if !note.isFinished { found = try Surveyor(task, from: note, besidePack: path, work) }
      start =
        note.isFinished
        ? .found
        : found == nil
          ? .discarded(reason: "has lost its hidden rows") : .resumed(layersDone: note.layersDone)
    } else {
      start =
        journal.discardedKey.map { .discarded(reason: "is of another \(key.differences(from: $0))") } ?? .anew
    }
  }

  /// Measures what is left. An error of the checkpoint's numbers will come again: nothing is kept for it.
  func perform() throws(ConversionError) -> Survey {
    var surveyor: Surveyor?
    do throws(ConversionError) {
      if start == .found, let note = journal.newest { return note.survey }
      if found == nil { try journal.restart() }
      let run = if let found { found } else { try Surveyor(task, besidePack: path, work) }
      surveyor = run
      while !run.isBehindLastLayer {
        try run.measureLayer()
        try journal.append(try run.note())
        run.keepsRows = true
      }
      let survey = try run.finish()
      try journal.append(SurveyNote(layersDone: run.layersDone, isFinished: true, survey: survey))
      run.keepsRows = false
      return survey
    } catch {
      if !error.canBeMended { journal.isKept = false }
      surveyor?.keepsRows = journal.isKept
      throw error
    }
  }
}
