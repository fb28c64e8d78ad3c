#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What lies beside a file that is not finished, for the run that resumes it: named, listed, kept and removed here and
/// nowhere else.
///
///     let unfinished = UnfinishedFiles(of: "model.quire")
///     unfinished.found                    // [.contents, .journal, .states], after a kill
///     unfinished.keep(Part.ofConversion)  // from now on a later run can resume
///     unfinished.remove([.states])        // model.quire.rows.partial
///
/// A killed run leaves what it has, and the next one decides what of it is of use. A run that ends in order without having
/// finished calls `settle`, after which nothing is there that no later run could use. One thread at a time.
package final class UnfinishedFiles {
  /// One file; the raw value is what its name has after that of the finished file.
  package enum Part: String, Sendable, CaseIterable {
    /// The file itself.
    case contents = ".partial"
    /// What of it is whole.
    case journal = ".journal.partial"
    /// Hidden states of the calibration windows.
    case states = ".rows.partial"
    /// The same in the layers as the checkpoint has them.
    case unprunedStates = ".reference.partial"
    /// What a survey has measured.
    case survey = ".survey.partial"
    case surveyStates = ".survey.rows.partial"
    /// Hidden states of the changes that a survey tries.
    case trialStates = ".survey.probes.rows.partial"

    /// Those of a conversion, and those of the survey before it.
    package static let ofConversion: [Part] = [.contents, .journal, .states, .unprunedStates]
    package static let ofSurvey: [Part] = [.survey, .surveyStates, .trialStates]
  }

  /// The finished file.
  package let path: String
  /// Whether a later run can resume from what is there now.
  package private(set) var isKept = false

  package init(of path: String) { self.path = path }

  /// Where a part lies.
  package func path(of part: Part) -> String { path + part.rawValue }

  /// What is there, in the order of the parts.
  package var found: [Part] {
    Part.allCases.filter { part in
      var status = stat()
      return lstat(self.path(of: part), &status) == 0
    }
  }

  /// Removes what is there of some parts. What cannot be removed stays: the next run holds it against its journal.
  package func remove(_ parts: some Sequence<Part>) {
    for part in parts { _ = unlink(path(of: part)) }
  }

  /// No later run can resume from some parts yet: they go with the process, even when a signal ends it.
  package func dispose(_ parts: some Sequence<Part>) {
    isKept = false
    for part in parts { DisposableFiles.add(path(of: part)) }
  }

  /// From now on a later run can resume from some parts.
  package func keep(_ parts: some Sequence<Part>) {
    isKept = true
    for part in parts { DisposableFiles.forget(path(of: part)) }
  }

  /// A run over some parts ends without having finished: they go, unless they are kept.
  package func settle(_ parts: some Sequence<Part>) {
    if !isKept { remove(parts) }
  }
}
