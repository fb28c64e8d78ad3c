import QuireCalibration
import QuireOptimization
import QuireCheckpoints
import QuireFiles
import QuireJSON
import QuireModel
import QuirePacks
import QuireTensors

/// The measurements of a survey after a layer.
struct SurveyNote: JournalNote {
  let layersDone: Int
  /// Whether `survey` is the final result; otherwise it holds the measurements so far.
  let isFinished: Bool
  /// Whether `survey` has the cost of every step, so that only trials of repair are left.
  var isMeasured = false
  let survey: Survey
  var errors: [TensorName: [SensitivityMeter.FormatError]] = [:]
  var probes: [ProbeRun.Probe] = []
  /// The hash of the calibration's hidden states; nil when no remaining layer needs them.
  var rowsHash: UInt64?
  /// The hash of the probes' hidden states; nil without probes.
  var probesHash: UInt64?
}

/// Keeps a survey next to the pack until that is finished: after every layer the measurements so far, for the run
/// that resumes it, and in the end the result, which a conversion that was stopped needs again.
final class SurveyJournal {
  /// The newest note of an earlier run with the same key.
  let newest: SurveyNote?
  /// The key of another survey whose files were discarded.
  let discardedKey: String?

  private let path: String
  private let key: String
  private let lines: LineJournal
  private static let noteKey = "note"

  /// The key of the survey beside the unfinished pack at `path`, if a layer of it is noted.
  static func unfinishedKey(forPack path: String) -> String? {
    guard let contents = LineJournal.found(path: Self.path(forPack: path)), !contents.lines.isEmpty else {
      return nil
    }
    return contents.key
  }

  /// `LineJournal` adds the file name's ending.
  private static func path(forPack path: String) -> String { path + ".survey" }

  init(_ unfinished: UnfinishedFiles, key: ConversionKey) throws(ConversionError) {
    path = unfinished.path(of: .survey)
    self.key = key.text
    do throws(FileFailure) {
      lines = try LineJournal(path: Self.path(forPack: unfinished.path))
      let contents = try lines.contents()
      let isOurs = contents.key == key.text
      discardedKey = isOurs ? nil : contents.key
      let last = contents.lines.last
      newest = isOurs ? last?.value[Self.noteKey]?.stringValue.flatMap(SurveyNote.init) : nil
      if newest == nil {
        try lines.restart(key: key.text)
      } else {
        try lines.cut(after: last?.end ?? contents.keyEnd)
      }
    } catch {
      throw .scratch(path: self.path, reason: error.reasonAndRemedy)
    }
  }

  func restart() throws(ConversionError) {
    try access { () throws(FileFailure) in try lines.restart(key: key) }
  }

  /// Notes a layer; after several minutes of work the note is synced to disk, so that it also survives a loss of
  /// power.
  func append(_ note: SurveyNote) throws(ConversionError) {
    try access { () throws(FileFailure) in
      try lines.append([Self.noteKey: .string(note.text)])
      try lines.synchronize()
    }
  }

  private func access(_ body: () throws(FileFailure) -> Void) throws(ConversionError) {
    do throws(FileFailure) { try body() } catch { throw .scratch(path: path, reason: error.reasonAndRemedy) }
  }
}
