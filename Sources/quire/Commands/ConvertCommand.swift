import QuireCheckpoints
import QuireFiles
import Foundation
import QuireModel
import QuireModelFiles
import QuireCalibration
import QuireConversion

extension Command {
  static let convert = Command(
    name: "convert",
    summary:
      "Makes a pack from a checkpoint by a recipe, layer by layer; prints the plan and its memory first.\n"
      + "A stopped conversion leaves .partial files next to the pack; the same command resumes after its last layer.",
    positionals: ["CHECKPOINT"],
    options: [
      Option(
        "--recipe", "FILE",
        "the steps, in JSON5, or the name of a recipe that comes with quire: int4 (default for "
          + "quantized checkpoints: keep)"),
      Option("--output", "FILE", "the pack to write; - writes it to stdout once it is complete"), .force,
      Option(
        "--parent", "FILE",
        "write a delta pack, which holds only what differs from this pack and is read together with it"),
      Option("--statistics", "FILE", "what quire calibrate has written, instead of the recipe's calibration"),
      Option("--plan", nil, "print the plan and stop"),
      Option("--measure", nil, "with --plan: survey the model and print the predicted error of every unit"),
      .adapter, .chatFormat, .reasoningTags, .toolFormat, .threads,
      .quiet,
    ],
    example: "quire convert Qwen3-8B --recipe int4 --output qwen3-8b-int4.quire",
    stop: .ends(advice: "run the same command again to resume after the last finished layer"),
    run: runConvert)
}

private func runConvert(_ arguments: Arguments) throws {
  let recipePath = try recipeName(arguments)
  let isPlanOnly = arguments.has("--plan")
  if arguments.has("--measure"), !isPlanOnly {
    throw CommandError("--measure: expected --plan with it, found none; add --plan, or leave it out")
  }
  let named = isPlanOnly ? nil : try arguments.required("--output")
  let isQuiet = arguments.has("--quiet")
  let loader = try arguments.modelSource().checkpoint(for: "convert")
  showNotices(loader.notices)
  let recipe = try conversionRecipe(recipePath, arguments)
  var files = OutputGuard()
  files.reads(model: loader.checkpoint.folder)
  files.reads(adaptersOf: arguments)
  files.reads(recipe.recipe, at: recipe.path)
  let parent = try arguments.parentPack(&files)
  let output = try named.map(PackOutput.init)
  defer { output?.cleanUp() }
  if let output { try files.check(output.path, option: "--output", replaces: arguments.has("--force")) }
  var converter = try Converter(
    loader.checkpoint, recipe: recipe.recipe, compute: arguments.compute(),
    toolVersion: Program.version, chatFormat: arguments.chatFormat())
  // Nobody sees the plan of a quiet conversion.
  if isPlanOnly || !isQuiet { converter = converter.measured() }
  let planned = converter.plan.time
  guard let output else {
    return try showPlan(converter, measures: arguments.has("--measure"), quiet: isQuiet)
  }
  if !isQuiet { output.remarkLine(converter.text) }
  let surveyBegin = Date()
  if !converter.isSettled {
    let unsettled = converter
    let survey = try converter.survey(forPack: output.path, quiet: isQuiet)
    converter = try converter.settled(by: survey)
    if !isQuiet {
      converter = converter.measured(asWith: unsettled)
      output.remarkLine("\n" + survey.text + "\n\n" + converter.text)
    }
  }
  let surveySeconds = Date().timeIntervalSince(surveyBegin)
  // A survey takes hours; meanwhile another program may have written the file.
  try files.checkAgain(output.path, option: "--output", replaces: arguments.has("--force"))
  let begin = Date()
  let progress = Progress("convert", unit: .percent, quiet: isQuiet)
  let report: ConversionReport
  do {
    defer { progress.close() }
    report = try converter.run(
      output: output.path, resumes: !output.isStream, parent: parent, progress: { progress.show($0) },
      onStart: { $0.sentence.map(notify) })
  }
  // Deviations from the recipe are reported even with --quiet.
  for row in report.rows {
    for note in row.notes { Terminal.errorLine("note, \(row.step): \(note)") }
  }
  try output.deliver()
  guard !isQuiet else { return }
  let seconds = Terminal.seconds(Date().timeIntervalSince(begin))
  output.remarkLine("\nwrote \(output.name): \(ByteText.of(report.packBytes)) in \(seconds)")
  output.remarkLine(planned.sentence(before: surveySeconds, report.times))
}

/// What another program has quantized stays as it is unless a recipe says otherwise.
private func recipeName(_ arguments: Arguments) throws -> String {
  if let name = arguments.string("--recipe") { return name }
  // The words are judged first where there is nothing to open.
  guard FileManager.default.fileExists(atPath: arguments.positionals.first ?? "") else {
    return try arguments.required("--recipe")
  }
  let loader = try arguments.modelSource().checkpoint(for: "convert")
  return try loader.checkpoint.quantizationName == nil ? arguments.required("--recipe") : Recipe.keep.name
}

private func conversionRecipe(
  _ name: String, _ arguments: Arguments
) throws -> (recipe: Recipe, path: String) {
  let (recipe, path) = try arguments.recipe(name)
  guard let statistics = arguments.string("--statistics") else { return (recipe, path) }
  guard recipe.needsCalibration else {
    throw CommandError(
      "--statistics: expected a recipe with a step that looks at activations, found none in \(path); leave it out"
    )
  }
  var settings = recipe.calibration
  // Relative to the working folder, unlike a path in the recipe, which is relative to the recipe's folder.
  settings.statistics = URL(fileURLWithPath: statistics).path
  return (recipe.replacingCalibration(settings), path)
}

/// Prints the plan; with a survey also its tables and the resulting plan.
private func showPlan(_ converter: Converter, measures: Bool, quiet: Bool) throws {
  Terminal.report(converter.text + "\n")
  guard measures else { return }
  let survey = try converter.surveyOfEverything(quiet: quiet)
  Terminal.report((survey.text.isEmpty ? "\nnothing to measure in this recipe" : "\n" + survey.text) + "\n")
  if !converter.isSettled { Terminal.report("\n" + (try converter.settled(by: survey)).text + "\n") }
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
      onStart: { start in start.sentence.map(notify) })
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

private func notify(_ sentence: String) { Terminal.errorLine("quire convert: \(sentence)") }
