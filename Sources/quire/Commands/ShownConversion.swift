import Foundation
import QuireConversion
import QuireFiles
import QuirePacks

/// A conversion in the terminal: its survey, where it needs one, and the pack. Each plan is shown once it is known what an
/// earlier run has done of it.
struct ShownConversion {
  private var converter: Converter
  private let output: PackOutput
  private let isQuiet: Bool
  /// For the report at the end.
  private var planned: PlannedTime
  /// Seconds of the survey and of the trials of repair.
  private var secondsBefore: [WorkStage: Double] = [:]
  private var isSurveyed = false
  /// What is shown before the plan of the conversion.
  private var heading = ""

  init(_ converter: Converter, output: PackOutput, isQuiet: Bool) {
    self.converter = converter
    self.output = output
    self.isQuiet = isQuiet
    planned = converter.plan.time
  }

  /// Surveys the model where the recipe needs it, and settles the recipe.
  mutating func survey() throws {
    guard !converter.isSettled else { return }
    let unsettled = converter
    let progress = SurveyProgress(quiet: isQuiet)
    defer { progress.close() }
    let survey = try unsettled.survey(
      forPack: output.path, progress: { progress.update($0, $1, $2) }, onStart: { show(after: $0) })
    secondsBefore = progress.seconds()
    converter = try unsettled.settled(by: survey)
    isSurveyed = true
    if !isQuiet { converter = converter.measured(asWith: unsettled) }
    heading = "\n" + survey.text(width: Terminal.outputScreen.width) + "\n\n"
  }

  /// Writes the pack and says what it took.
  ///
  /// - Parameter replaces: whether work of another recipe that was begun there may be discarded
  mutating func convert(parent: PackReader?, replaces: Bool) throws {
    // The survey has decided the recipe only now.
    if !output.isStream, !replaces, isSurveyed {
      try converter.refuseToDiscard(at: output.path, parent: parent, isSurveyed: true)
    }
    if isSurveyed { try DiskRoom.check(converter, output, isDelta: parent != nil) }
    let begin = Date()
    let progress = Progress("convert", unit: .percent, quiet: isQuiet)
    let report: ConversionReport
    do {
      defer { progress.close() }
      let begun = converter
      report = try begun.run(
        output: output.path, resumes: !output.isStream, parent: parent, progress: { progress.show($0) },
        onStart: { show(after: $0) })
    }
    // Deviations from the recipe are reported even with --quiet.
    for row in report.rows {
      for note in row.notes { Terminal.errorLine("note, \(row.step): \(note)") }
    }
    try output.deliver()
    output.noteParent(parent)
    guard !isQuiet else { return }
    let seconds = Terminal.seconds(Date().timeIntervalSince(begin))
    output.remarkLine("\nwrote \(output.name): \(ByteText.of(report.packBytes)) in \(seconds)")
    output.remarkLine(planned.sentence(before: secondsBefore, report.times))
  }

  /// Shows the plan of what is left, and what was found of an earlier run.
  private mutating func show(after start: RunStart) {
    let resuming = converter.resuming(start)
    if !isQuiet { output.remarkLine(heading + resuming.text(width: Terminal.outputScreen.width)) }
    if start.isResumed { planned = planned.resumed(start.work, as: resuming.plan.timeLeft) }
    if let sentence = start.sentence { Terminal.errorLine("quire convert: \(sentence)") }
  }
}

extension Progress {
  fileprivate func show(_ state: ConversionProgress) {
    let layers = "layer \(min(state.layersDone + 1, state.layerCount)) of \(state.layerCount)"
    let (done, total) = (Int(state.fractionDone * 1e6), 1_000_000)
    let stage = state.phase == .layers ? layers : state.phase.rawValue
    update(done, of: total, note: done < total ? stage : "")
  }
}
