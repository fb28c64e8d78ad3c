import QuireEvaluation
import QuireText

/// What `--gate` and `--baseline` ask of a report. Both are read before the long evaluation.
struct ReportJudge {
  private let gate: Gate?
  private let passesUndecided: Bool
  private let baseline: (view: ReportView, path: String)?
  /// Whether the standard output is the report.
  private let isStreamed: Bool

  init(_ arguments: Arguments) throws {
    do throws(EvaluationError) {
      gate = arguments.has("--gate") ? try Gate(arguments.all("--gate").joined(separator: ",")) : nil
    } catch {
      throw UsageError(arguments.command, error.description)
    }
    baseline = try arguments.string("--baseline").map { (try ReportView(path: $0), $0) }
    isStreamed = try arguments.streamsReport()
    if gate == nil, arguments.has("--gate-undecided") {
      throw UsageError(
        arguments.command, "--gate-undecided belongs to --gate; leave it out, or give both")
    }
    let word = arguments.string("--gate-undecided") ?? "fail"
    guard ["pass", "fail"].contains(word) else {
      throw UsageError(
        arguments.command, "--gate-undecided: expected pass or fail, found '\(word)'")
    }
    passesUndecided = word == "pass"
  }

  /// Throws when the gate is about something that will not be measured, or the baseline about other material.
  func check(
    _ method: EvaluationMethod, tasks: [String], models: PlannedModels
  ) throws(EvaluationError) {
    try gate?.check(method, tasks: tasks, models: models, hasBaseline: baseline != nil)
    if let baseline { try ReportComparison.check(method, baseline: baseline.view, path: baseline.path) }
  }

  /// Compares and judges; throws when a condition is not met.
  func judge(_ report: EvaluationReport) throws {
    try judge(ReportView(json: report.json, name: "the report"))
  }

  func judge(_ view: ReportView) throws {
    if let baseline {
      let comparison = try ReportComparison(view, baseline: baseline.view, path: baseline.path)
      if !isStreamed {
        Terminal.report(
          "\nChanges from \(baseline.path.visibleLine) (≈ within two standard errors)\n"
            + comparison.table(width: Terminal.outputScreen.width))
      }
    }
    guard let gate else { return }
    let outcomes = try gate.outcomes(of: view, baseline: baseline?.view)
    var failures = 0
    for outcome in outcomes {
      switch outcome.verdict {
      case .met: continue
      case .failed:
        failures += 1
        Terminal.errorLine("gate failed: \(outcome.sentence)")
      case .undecided:
        if !passesUndecided { failures += 1 }
        Terminal.errorLine(
          "gate undecided: \(outcome.sentence), and \(passesUndecided ? "passes" : "fails") by --gate-undecided"
        )
      }
    }
    guard failures == 0 else {
      throw CommandError(
        "expected every model to meet the conditions of --gate, found \(failures) of \(outcomes.count) that "
          + "\(failures == 1 ? "is" : "are") not met; the lines above name them")
    }
  }
}
