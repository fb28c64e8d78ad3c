import QuireCheckpoints
import QuireFiles
import Foundation
import QuireModel
import QuireModelFiles
import QuirePacks
import QuireCalibration
import QuireConversion

extension Command {
  static let convert = Command(
    name: "convert",
    summary:
      "Makes a pack from a checkpoint by a recipe, layer by layer; prints the plan and its memory first.\n"
      + "A stopped conversion leaves .partial files next to the pack; the same command resumes after its last layer, and "
      + "another recipe there needs --force, which discards them.",
    positionals: ["CHECKPOINT"],
    options: [
      Option(
        "--recipe", "FILE",
        "the steps, in JSON5, or the name of a recipe that comes with quire: int4 (default for "
          + "quantized checkpoints: keep)"),
      Option("--output", "FILE", "the pack to write; - writes it to stdout once it is complete"),
      Option("--force", nil, "replace a file that exists, or discard unfinished work; an input never is"),
      Option(
        "--parent", "FILE",
        "write a delta pack, which holds only what differs from this pack and is read together with it"),
      Option("--statistics", "FILE", "what quire calibrate has written, instead of the recipe's calibration"),
      Option("--plan", nil, "print the plan and stop; it reads no weights, so it finds no NaN in them"),
      Option("--measure", nil, "with --plan: survey the model and print the predicted error of every unit"),
      .adapter, .chatFormat, .reasoningTags, .toolFormat, .threads,
      .quietPlan,
    ],
    example: "quire convert Qwen3-8B --recipe int4 --output qwen3-8b-int4.quire",
    stop: .ends(advice: "run the same command again to resume after the last finished layer"),
    run: runConvert)
}

private func runConvert(_ arguments: Arguments) throws {
  let recipePath = try recipeName(arguments)
  let isPlanOnly = arguments.has("--plan")
  if arguments.has("--measure"), !isPlanOnly {
    throw UsageError(
      arguments.command, "--measure: expected --plan with it, found none; add --plan, or leave it out")
  }
  let named = isPlanOnly ? nil : try arguments.required("--output")
  let isQuiet = arguments.has("--quiet")
  let source = try arguments.modelSource()
  let loader = try source.checkpoint(for: "convert")
  showNotices(loader.notices)
  // A pack that no command could generate with is not worth hours of work.
  _ = try source.samplingDefaults()
  _ = try source.endOfSequenceIDs()
  let recipe = try conversionRecipe(recipePath, arguments)
  var files = OutputGuard()
  files.reads(model: loader.checkpoint.folder)
  files.reads(adaptersOf: arguments)
  files.reads(recipe.recipe, at: recipe.path)
  let parent = try arguments.parentPack(&files)
  let output = try named.map(PackOutput.init)
  defer { output?.cleanUp() }
  let replaces = arguments.has("--force")
  if isPlanOnly, let output = arguments.string("--output"), !StreamOutput.isStream(output) {
    try files.check(output, option: "--output", replaces: true)
    try parent?.checkIsParent(of: output)
  }
  if let output {
    try files.check(output.path, option: "--output", replaces: replaces)
    try files.checkUnfinished(
      of: output.path, option: "--output", PackOutput.beginnings, replaces: replaces)
    // A survey takes hours before the pack is begun.
    try parent?.checkIsParent(of: output.path)
  }
  var converter = try Converter(
    loader.checkpoint, recipe: recipe.recipe, compute: arguments.compute(),
    toolVersion: Program.version, chatFormat: arguments.chatFormat())
  showNotices(try source.chatNotices(converter.tokenizer))
  if let output, !output.isStream, !replaces {
    try converter.refuseToDiscard(at: output.path, parent: parent)
  }
  if let output { try DiskRoom.check(converter, output, isDelta: parent != nil) }
  // Nobody sees the plan of a quiet conversion.
  if isPlanOnly || !isQuiet { converter = converter.measured() }
  guard let output else {
    try showPlan(converter, measures: arguments.has("--measure"), quiet: isQuiet)
    return try showOutput(converter, arguments.string("--output"), parent)
  }
  var conversion = ShownConversion(converter, output: output, isQuiet: isQuiet)
  try conversion.survey()
  // A survey takes hours; meanwhile another program may have written the file.
  try files.checkAgain(output.path, option: "--output", replaces: replaces)
  try conversion.convert(parent: parent, replaces: replaces)
}

/// What another program has quantized stays as it is unless a recipe says otherwise.
private func recipeName(_ arguments: Arguments) throws -> String {
  if let name = arguments.string("--recipe") { return name }
  let loader = try arguments.modelSource().checkpoint(for: "convert")
  return try loader.checkpoint.quantizationName == nil ? arguments.required("--recipe") : Recipe.keep.name
}

private func conversionRecipe(
  _ name: String, _ arguments: Arguments
) throws -> (recipe: Recipe, path: String) {
  let (recipe, path) = try arguments.recipe(name)
  guard let statistics = arguments.string("--statistics") else { return (recipe, path) }
  guard recipe.needsCalibration else {
    throw UsageError(
      arguments.command,
      "--statistics: expected a recipe with a step that uses activations, found none in \(path); leave it out"
    )
  }
  var settings = recipe.calibration
  // Relative to the working folder, unlike a path in the recipe, which is relative to the recipe's folder.
  settings.statistics = URL(fileURLWithPath: statistics).path
  return (recipe.replacingCalibration(settings), path)
}

/// Prints the plan; with a survey also its tables and the resulting plan.
private func showPlan(_ converter: Converter, measures: Bool, quiet: Bool) throws {
  Terminal.report(converter.text(width: Terminal.outputScreen.width) + "\n")
  guard measures else { return }
  let survey = try converter.surveyOfEverything(quiet: quiet)
  let tables = survey.text(width: Terminal.outputScreen.width)
  Terminal.report((tables.isEmpty ? "\nnothing to measure in this recipe" : "\n" + tables) + "\n")
  guard !converter.isSettled else { return }
  let settled = try converter.settled(by: survey).measured(asWith: converter)
  Terminal.report("\n" + settled.text(width: Terminal.outputScreen.width) + "\n")
}

/// Says in a plan what its conversion would discard, and where the disk has no room for it.
private func showOutput(_ converter: Converter, _ output: String?, _ parent: PackReader?) throws {
  guard let output, !StreamOutput.isStream(output) else { return }
  let work = try converter.discarded(at: output, parent: parent)
  let room = DiskRoom(converter, output: output, isDelta: parent != nil)
  for sentence in [work?.sentence, room.sentence].compactMap(\.self) {
    Terminal.report("\n" + sentence + "\n")
  }
}

extension Converter {
  /// Throws when the conversion would discard work of an earlier run.
  func refuseToDiscard(at path: String, parent: PackReader?, isSurveyed: Bool = false) throws {
    if let work = try discarded(at: path, parent: parent, isSurveyed: isSurveyed) {
      throw CommandError("--output: \(work.refusal)")
    }
  }

  fileprivate func surveyOfEverything(quiet: Bool) throws -> Survey {
    let progress = SurveyProgress(quiet: quiet)
    defer { progress.close() }
    return try surveyOfEverything { progress.update($0, $1, $2) }
  }
}
