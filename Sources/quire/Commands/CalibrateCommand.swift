import QuireCheckpoints
import QuireFiles
import Foundation
import QuireModel
import QuireModelFiles
import QuireCalibration
import QuireConversion
import QuireText

extension Command {
  static let calibrate = Command(
    name: "calibrate",
    summary:
      "Runs a calibration text through a checkpoint once and keeps its statistics, for any number of conversions.\n"
      + "With --merge adds up statistics of several texts instead.",
    positionals: ["CHECKPOINT|FILE…"],
    options: [
      Option("--recipe", "FILE", "take text and windows from this recipe's calibration"),
      Option(
        "--calibration", "FILE", "the text itself, or chats as JSON lines in a file whose name ends in .jsonl"
      ),
      Option("--windows", "N", "how many windows (default: the recipe's, or 64)"),
      Option("--tokens", "N", "tokens of a window (default: the recipe's, or 512)"),
      Option("--seed", "N", "decides which windows (default: the recipe's, or 1)"),
      Option("--mode", "MODE", "how chats are shown: as-written, thinking, non-thinking or both"),
      Option(
        "--shard", "I/N", "only part I of N of the windows, for collecting on N machines; merge all parts"),
      Option("--merge", nil, "add up the statistics in the FILEs"),
      Option("--output", "FILE", "the statistics file to write"), .force,
      .adapter, .chatFormat, .threads, .quietPlan,
    ],
    example: "quire calibrate Qwen3-8B --calibration chats.jsonl --output chats.safetensors",
    stop: .ends(advice: Stop.startAgain),
    run: runCalibrate)
}

private func runCalibrate(_ arguments: Arguments) throws {
  let output = try arguments.outputPath()
  let isQuiet = arguments.has("--quiet")
  let progress = Progress("calibrate", unit: .percent, quiet: isQuiet)
  let begin = Date()
  if arguments.has("--merge") {
    if arguments.has("--adapter") {
      throw UsageError(
        "calibrate", "--adapter: expected no --merge with it, found both; leave one of them out")
    }
    try merge(arguments, to: output, progress)
  } else {
    try collect(arguments, to: output, progress)
  }
  guard !isQuiet else { return }
  let attributes = try FileManager.default.attributesOfItem(atPath: output)
  let size = ByteText.of(attributes[.size] as? Int ?? 0)
  Terminal.remarkLine(
    "\nwrote \(output.visibleLine): \(size) in \(Terminal.seconds(Date().timeIntervalSince(begin)))")
}

private func collect(
  _ arguments: Arguments, to output: String, _ progress: Progress
) throws {
  guard arguments.positionals.count == 1 else {
    throw UsageError("calibrate", "expected one CHECKPOINT without --merge; see quire calibrate --help")
  }
  let loader = try arguments.modelSource().checkpoint(for: "calibrate")
  showNotices(loader.notices)
  let (recipe, recipePath) = try calibrationRecipe(arguments)
  var files = OutputGuard()
  files.reads(model: loader.checkpoint.folder)
  files.reads(adaptersOf: arguments)
  files.reads(recipe, at: recipePath)
  let replaces = arguments.has("--force")
  try files.check(output, option: "--output", replaces: replaces)
  try files.checkUnfinished(of: output, option: "--output", [.contents: .safetensors], replaces: replaces)
  let collector = try StatisticsCollector(
    loader.checkpoint, recipe.calibration, relativeTo: recipe.folder, shard: shard(arguments),
    compute: arguments.compute(),
    toolVersion: Program.version, chatFormat: arguments.chatFormat())
  if !arguments.has("--quiet") { Terminal.remarkLine(collector.text) }
  defer { progress.close() }
  let notes = try collector.run(output: output) { progress.update($0, of: $1, note: "layers") }
  for note in notes { Terminal.errorLine("note: \(note)") }
}

private func shard(_ arguments: Arguments) throws -> CalibrationShard? {
  guard let text = arguments.string("--shard") else { return nil }
  guard let shard = CalibrationShard(text) else {
    throw UsageError(
      "calibrate",
      "--shard: expected I/N, two numbers from 1 to \(CalibrationShard.countMax) of which I is not above N, such as "
        + "2/3, found '\(text)'")
  }
  return shard
}

/// The text to run, as a recipe or the options say.
private func calibrationRecipe(_ arguments: Arguments) throws -> (recipe: Recipe, path: String?) {
  var recipe = Recipe(name: "calibration", steps: [])
  var recipePath: String?
  switch (arguments.string("--recipe"), arguments.string("--calibration")) {
  case (let name?, nil):
    let found = try arguments.recipe(name)
    (recipe, recipePath) = (found.recipe, found.path)
  case (nil, let file?):
    recipe = recipe.replacingCalibration(CalibrationSettings(source: .file(file)))
  case (let name, _):
    throw UsageError(
      "calibrate",
      "expected one of --recipe and --calibration, found \(name == nil ? "none" : "both"); see quire calibrate --help"
    )
  }
  var settings = recipe.calibration
  settings.windowCount = try arguments.integer("--windows", in: 1...1_000_000) ?? settings.windowCount
  settings.windowTokens = try arguments.integer("--tokens", in: 1...1_000_000) ?? settings.windowTokens
  settings.seed = try arguments.integer("--seed", in: 0...Int.max).map(UInt64.init) ?? settings.seed
  if let name = arguments.string("--mode") {
    guard let mode = CalibrationChatMode(rawValue: name) else {
      let names = CalibrationChatMode.allCases.map(\.rawValue).joined(separator: ", ")
      throw UsageError("calibrate", "--mode: expected one of \(names), found '\(name)'")
    }
    settings.chatMode = mode
  }
  return (recipe.replacingCalibration(settings), recipePath)
}

private func merge(
  _ arguments: Arguments, to output: String, _ progress: Progress
) throws {
  let collecting = [
    "--recipe", "--calibration", "--windows", "--tokens", "--seed", "--mode", "--shard", "--chat-format",
  ]
  if let option = collecting.first(where: arguments.has) {
    throw UsageError("calibrate", "\(option) is for collecting; leave it out with --merge")
  }
  guard arguments.positionals.count > 1 else {
    throw UsageError("calibrate", "expected two FILEs or more with --merge; see quire calibrate --help")
  }
  var files = OutputGuard()
  for path in arguments.positionals { files.reads(path, as: "one of the statistics to add up") }
  let replaces = arguments.has("--force")
  try files.check(output, option: "--output", replaces: replaces)
  try files.checkUnfinished(of: output, option: "--output", [.contents: .safetensors], replaces: replaces)
  let merger = try StatisticsMerger(paths: arguments.positionals)
  if !arguments.has("--quiet") { Terminal.remarkLine(merger.text) }
  for note in merger.notes { Terminal.errorLine("note: \(note)") }
  defer { progress.close() }
  try merger.run(output: output, toolVersion: Program.version) { progress.update($0, of: $1) }
}
