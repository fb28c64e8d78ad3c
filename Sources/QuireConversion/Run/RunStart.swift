/// What a run found of an earlier one when it began.
package struct RunStart: Sendable, Equatable {
  package enum Work: String, Sendable {
    case conversion, survey
  }

  package enum Found: Sendable, Equatable {
    /// No unfinished files.
    case nothing
    /// Work that an earlier run has finished.
    case layers(Int)
    /// The complete work; only its result was still missing.
    case everything
    /// Unfinished files that cannot be resumed from.
    case useless(reason: String)
  }

  package let work: Work
  package let found: Found
  /// Shares of repair that were tried; nil where the survey has not measured everything yet.
  package var triedShares: Int?

  package init(_ work: Work, _ found: Found) {
    self.work = work
    self.found = found
  }

  /// Whether work of an earlier run is used.
  package var isResumed: Bool {
    switch found {
    case .nothing, .useless: false
    case .layers, .everything: true
    }
  }

  /// The notice for the user; nil for `nothing`.
  package var sentence: String? {
    switch (work, found) {
    case (_, .nothing): nil
    case (.conversion, .layers(let done)):
      "resumes after layer \(done) of an earlier run that was stopped; delete the .partial files to start afresh"
    case (.survey, .layers(let done)):
      "resumes the survey after layer \(done) of an earlier run that was stopped"
    case (.conversion, .everything): "uses the pack of an earlier run that was stopped"
    case (.survey, .everything): "uses the survey of an earlier run that was stopped"
    case (.conversion, .useless(let reason)):
      "starts afresh: the unfinished pack of an earlier run \(reason)"
    case (.survey, .useless(let reason)): "surveys afresh: the survey of an earlier run \(reason)"
    }
  }
}
