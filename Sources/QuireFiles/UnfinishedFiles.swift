#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The temporary files of an unfinished output file, from which a later run can resume. Only this type recognizes, lists,
/// keeps and removes them; `AtomicFile` writes the first of them, under the same name.
///
///     let unfinished = UnfinishedFiles(of: "model.quire")
///     unfinished.found                    // [.contents, .journal, .states], after a kill
///     unfinished.keep(Part.ofConversion)  // from now on a later run can resume
///     unfinished.remove([.states])        // model.quire.rows.partial
///
/// A killed run leaves all its files, and the next run decides which of them it can use. A run that stops in an orderly
/// way without finishing calls `settle`, which leaves only files that a later run can use. One thread at a time.
package final class UnfinishedFiles {
  /// One temporary file; the raw value is appended to the name of the finished file.
  package enum Part: String, Sendable, CaseIterable {
    /// The output file itself.
    case contents = ".partial"
    /// The journal of the parts that are complete in it.
    case journal = ".journal.partial"
    /// Hidden states of the calibration windows.
    case states = ".rows.partial"
    /// The same in the checkpoint's unchanged layers.
    case unprunedStates = ".reference.partial"
    /// The measurements of a survey.
    case survey = ".survey.partial"
    case surveyStates = ".survey.rows.partial"
    /// Hidden states of the changes that a survey tries.
    case trialStates = ".survey.probes.rows.partial"

    /// The parts of a conversion, and the parts of the survey before it.
    package static let ofConversion: [Part] = [.contents, .journal, .states, .unprunedStates]
    package static let ofSurvey: [Part] = [.survey, .surveyStates, .trialStates]
  }

  /// The finished file.
  package let path: String
  /// Whether a later run can resume from the present files.
  package private(set) var isKept = false

  package init(of path: String) { self.path = path }

  /// The path of a part.
  package func path(of part: Part) -> String { path + part.rawValue }

  /// Whether a file of this name, in the folder of an output file named `output`, is or may be one of its temporary files.
  package static func owns(name: String, of output: String) -> Bool {
    name.hasPrefix(output + ".") && (name.hasSuffix(Part.contents.rawValue) || name.contains(".survey"))
  }

  /// The parts whose files exist, in the order of the cases.
  package var found: [Part] {
    Part.allCases.filter { part in
      var status = stat()
      return lstat(self.path(of: part), &status) == 0
    }
  }

  /// Bytes of the disk that the present files take.
  package var diskBytes: Int {
    found.reduce(0) { sum, part in
      var status = stat()
      guard lstat(path(of: part), &status) == 0 else { return sum }
      // bounded: blocks of the disk
      return sum + Int(status.st_blocks) * 512
    }
  }

  /// Removes the files of some parts. A file that cannot be removed stays; the next run checks it against its journal.
  package func remove(_ parts: some Sequence<Part>) {
    for part in parts { _ = unlink(path(of: part)) }
  }

  /// Marks parts from which no later run can resume yet: they are removed with the process, even when a signal ends it.
  package func dispose(_ parts: some Sequence<Part>) {
    isKept = false
    for part in parts { DisposableFiles.add(path(of: part)) }
  }

  /// Marks parts from which a later run can resume from now on.
  package func keep(_ parts: some Sequence<Part>) {
    isKept = true
    for part in parts { DisposableFiles.forget(path(of: part)) }
  }

  /// Called when a run ends without finishing: removes these parts unless they are kept.
  package func settle(_ parts: some Sequence<Part>) {
    if !isKept { remove(parts) }
  }
}
