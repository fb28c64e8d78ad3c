import Foundation
import QuireEvaluation
import QuireFiles
import QuireJSON
import QuireConversion
import QuireModelFiles
import QuireText

extension Command {
  static let evaluate = Command(
    name: "evaluate",
    summary:
      "Measures size, speed and accuracy: a row for the reference and one after each step of a recipe.",
    positionals: ["MODEL"],
    options: [
      Option("--recipe", "FILE", "measure the checkpoint after each step of this recipe; may be repeated"),
      Option("--reference", "CHECKPOINT", "for a pack: the checkpoint to compare it with"),
      Option("--tasks", "FILE", "problems to ask (default: tasks.jsonl next to the checkpoint's folder)"),
      Option("--text", "FILE", "text to predict (default: heldout.txt next to the checkpoint's folder)"),
      Option("--problems", "N", "ask at most N problems, spread evenly over the tasks (default: all)"),
      Option("--text-tokens", "N", "predict at most N tokens of the text (default: all)"),
      Option("--max-tokens", "N", "tokens of a thinking answer at most (default: 4096)"),
      Option("--no-speed", nil, "measure no speed; with only a text, a checkpoint need not fit into memory"),
      .thinking, .noThinking, .seed,
      Option("--json", "FILE", "write the report as JSON; - writes it to stdout instead of the table"),
      .force,
      Option("--store", nil, "for a pack: keep the row in its manifest"),
      .chatFormat, .threads, .quiet,
    ],
    example: "quire evaluate recipes/demo/checkpoint --recipe recipes/int4.json5 --json evaluation.json",
    stop: .ends(advice: "nothing was written, so run it again from the start"),
    run: runEvaluate)
}

private func evaluationOptions(_ arguments: Arguments) throws -> EvaluationOptions {
  var options = EvaluationOptions(
    taskFile: arguments.string("--tasks"), textFile: arguments.string("--text"),
    textTokenLimit: try arguments.integer("--text-tokens", in: 1...Int.max),
    problemLimit: try arguments.integer("--problems", in: 1...Int.max),
    threadCount: try arguments.threadCount(), instructionSet: try Environment.instructionSet(),
    chatFormat: try arguments.chatFormat())
  if arguments.has("--no-speed") { options.speed = nil }
  // By default both modes are measured; each option selects only its mode.
  if arguments.has("--thinking") || arguments.has("--no-thinking") { options.modes = [try arguments.mode()] }
  if let limit = try arguments.integer("--max-tokens", in: 1...Int(Int32.max)) {
    options.thinkingTokens = limit
  }
  if let seed = try arguments.integer("--seed", in: 0...Int.max) { options.seed = UInt64(seed) }
  return options
}

private func runEvaluate(_ arguments: Arguments) throws {
  let options = try evaluationOptions(arguments)
  let model = arguments.positionals[0]
  if arguments.has("--store"), try !arguments.modelSource().isPack {
    throw CommandError(
      "--store: expected a pack to keep the row in, found the folder \(model); evaluate a pack or leave it out"
    )
  }
  let recipes = try arguments.all("--recipe").map { try arguments.recipe($0) }
  let evaluator = try Evaluator(
    model: model, recipes: recipes.map(\.recipe), reference: arguments.string("--reference"), options: options
  )
  let jsonFile = try reportFile(arguments, recipes)
  var bars = ProgressSeries(quiet: arguments.has("--quiet"))
  let report: EvaluationReport
  do {
    defer { bars.close() }
    report = try evaluator.run(
      onProgress: { bars.update($0) },
      onStart: { method in
        guard let tasks = method.tasks, !arguments.has("--quiet") else { return }
        Terminal.errorLine("chat format: \(tasks.chatFormat)")
      })
  }
  let text = report.json.serialized(pretty: true) + "\n"
  // The report is shown even if it cannot be written to a file or pack.
  let stored = Result { if arguments.has("--store") { try report.store(inPack: model) } }
  let written = Result {
    try jsonFile.map { file in
      try writing(file.path) { () throws(FileFailure) in
        try file.write(Array(text.utf8))
        try file.commit()
      }
    }
  }
  if arguments.string("--json") == "-" {
    Terminal.output(text)
  } else {
    Terminal.report(report.table(width: Terminal.outputScreen.width))
  }
  try written.get()
  try stored.get()
}

/// The file for the report, opened before the long evaluation.
private func reportFile(
  _ arguments: Arguments, _ recipes: [(recipe: Recipe, path: String)]
) throws -> AtomicFile? {
  guard let path = arguments.string("--json"), path != "-" else { return nil }
  var files = OutputGuard()
  files.reads(model: arguments.positionals[0])
  for (recipe, path) in recipes { files.reads(recipe, at: path) }
  arguments.string("--reference").map { files.reads(model: $0) }
  arguments.string("--tasks").map { files.reads($0, as: "the tasks") }
  arguments.string("--text").map { files.reads($0, as: "the text") }
  try files.check(path, option: "--json", replaces: arguments.has("--force"))
  return try writing(path) { () throws(FileFailure) in try AtomicFile(path: path) }
}

private func writing<Value>(_ path: String, _ body: () throws(FileFailure) -> Value) throws -> Value {
  do throws(FileFailure) {
    return try body()
  } catch {
    throw CommandError(
      "expected to write \(path), found: \(error.reason); free disk space or choose another path and run again"
    )
  }
}

/// A progress bar for each stage of each row.
private struct ProgressSeries {
  private let isQuiet: Bool
  private var label = ""
  private var bar: Progress?

  init(quiet: Bool) { isQuiet = quiet }

  mutating func update(_ state: EvaluationProgress) {
    let next = "row \(state.rowIndex + 1) of \(state.rowCount), \(state.row), \(state.title)"
    if next != label {
      bar?.close()
      label = next
      bar = Progress(next, unit: .percent, quiet: isQuiet)
    }
    bar?.update(state.done, of: state.total)
  }

  func close() { bar?.close() }
}
