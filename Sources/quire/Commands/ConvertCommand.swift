import QuireFiles
import Foundation
import QuireCheckpoints
import QuireCalibration
import QuireConversion
import QuireTensors

extension Command {
  static let convert = Command(
    name: "convert",
    summary:
      "Makes a pack from a checkpoint by a recipe, layer by layer; prints the plan and its memory first.\n"
      + "A conversion that was stopped leaves .partial files beside the pack; the same command goes on behind its last layer.",
    positionals: ["CHECKPOINT"],
    options: [
      Option("--recipe", "FILE", "the steps, in JSON5 (see recipes/)"),
      Option("--output", "FILE", "the pack to write"),
      Option("--statistics", "FILE", "what quire calibrate has written, instead of the recipe's calibration"),
      Option("--plan", nil, "print the plan and stop"),
      Option("--measure", nil, "with --plan: survey the model and print the predicted error of every unit"),
      .threads, .quiet,
    ],
    example: "quire convert Qwen3-8B --recipe recipes/int4.json5 --output qwen3-8b-int4.quire",
    run: runConvert)
}

private func runConvert(_ arguments: Arguments) throws {
  let recipePath = try arguments.required("--recipe")
  let isPlanOnly = arguments.has("--plan")
  if arguments.has("--measure"), !isPlanOnly {
    throw CommandError("--measure: expected --plan beside it, found none; add --plan, or leave it out")
  }
  let output = isPlanOnly ? "" : try arguments.required("--output")
  guard case .checkpoint(let folder) = try ModelPlace(arguments.positionals[0]) else {
    throw CommandError(
      "\(arguments.positionals[0]) is a file; convert needs a checkpoint folder, a pack is converted already")
  }
  // Before the team's threads start, which inherit that the signals are blocked.
  let signals = isPlanOnly ? nil : StopSignals()
  let progress = Progress("convert", unit: .percent, quiet: arguments.has("--quiet"))
  signals?.stopConversion(closing: progress)
  var converter = try Converter(
    Checkpoint(path: folder), recipe: conversionRecipe(recipePath, arguments), compute: arguments.compute(),
    toolVersion: Program.version)
  if isPlanOnly {
    return try showPlan(converter, measures: arguments.has("--measure"), quiet: arguments.has("--quiet"))
  }
  if !arguments.has("--quiet") { Terminal.remarkLine(converter.plan.text) }
  if !converter.isSettled {
    let survey = try converter.survey(forPack: output, quiet: arguments.has("--quiet"))
    converter = try converter.settled(by: survey)
    if !arguments.has("--quiet") { Terminal.remarkLine("\n" + survey.text + "\n\n" + converter.plan.text) }
  }
  let begin = Date()
  let report: ConversionReport
  do {
    defer { progress.close() }
    report = try converter.run(
      output: output, progress: { progress.show($0) }, onStart: { $0.sentence.map(tell) })
  }
  // What did not go as the recipe asks is said even to those who asked for quiet.
  for row in report.rows {
    for note in row.notes { Terminal.errorLine("note, \(row.step): \(note)") }
  }
  guard !arguments.has("--quiet") else { return }
  let seconds = Terminal.seconds(Date().timeIntervalSince(begin))
  Terminal.remarkLine("\nwrote \(output): \(ByteText.of(report.packBytes)) in \(seconds)")
  Terminal.remarkLine(sentence(report.times))
}

private func conversionRecipe(_ path: String, _ arguments: Arguments) throws -> Recipe {
  let recipe = try Recipe(path: path)
  guard let statistics = arguments.string("--statistics") else { return recipe }
  guard recipe.needsCalibration else {
    throw CommandError(
      "--statistics: expected a recipe with a step that looks at activations, found none in \(path); leave it out"
    )
  }
  var settings = recipe.calibration
  // Not from the recipe's folder, as a path in the recipe would be.
  settings.statistics = URL(fileURLWithPath: statistics).path
  return recipe.replacingCalibration(settings)
}

private func sentence(_ times: ConversionTimes) -> String {
  let parts = [
    ("waiting for the checkpoint", times.waiting), ("optimizing", times.optimizing),
    ("compressing and writing", times.packing), ("finishing", times.finishing),
  ]
  let shares = parts.map { "\($0) \(Terminal.seconds($1))" }.joined(separator: ", ")
  return "\(shares); reading beside that \(Terminal.seconds(times.reading))"
}

/// The plan; with a survey of the model also its tables, and the plan that follows from them.
private func showPlan(_ converter: Converter, measures: Bool, quiet: Bool) throws {
  Terminal.outputLine(converter.plan.text)
  guard measures else { return }
  let survey = try converter.surveyOfEverything(quiet: quiet)
  Terminal.outputLine(survey.text.isEmpty ? "\nnothing to measure in this recipe" : "\n" + survey.text)
  if !converter.isSettled { Terminal.outputLine("\n" + (try converter.settled(by: survey)).plan.text) }
}

extension Converter {
  fileprivate func surveyOfEverything(quiet: Bool) throws -> Survey {
    let progress = Progress("survey", unit: .percent, quiet: quiet)
    defer { progress.close() }
    return try surveyOfEverything { progress.update($0, of: $1) }
  }

  fileprivate func survey(forPack path: String, quiet: Bool) throws -> Survey {
    let progress = Progress("survey", unit: .percent, quiet: quiet)
    defer { progress.close() }
    return try survey(
      forPack: path, progress: { progress.update($0, of: $1) },
      onStart: { start in start.sentence.map(tell) })
  }
}

extension Progress {
  fileprivate func show(_ state: ConversionProgress) {
    let layers = "layer \(min(state.layersDone + 1, state.layerCount)) of \(state.layerCount)"
    update(
      Int(state.fractionDone * 1e6), of: 1_000_000,
      note: state.phase == .layers ? layers : state.phase.rawValue)
  }
}

private func tell(_ sentence: String) { Terminal.errorLine("quire convert: \(sentence)") }

extension StopSignals {
  /// Ends the program at the first signal. What is on the disk is as good as after a kill, so nothing is tidied up.
  fileprivate func stopConversion(closing progress: Progress) {
    let signals = self
    Thread {
      let name = signals.wait()
      progress.close()
      Terminal.errorLine(
        "quire convert: stopped by \(name); run the same command again to go on behind the last finished layer"
      )
      _exit(1)
    }.start()
  }
}
