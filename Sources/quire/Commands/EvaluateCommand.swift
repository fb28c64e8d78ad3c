import Foundation
import QuireEvaluation
import QuireJSON
import QuireConversion
import QuireText

extension Command {
  static let evaluate = Command(
    name: "evaluate",
    summary:
      "Presents the bill: a row for the reference and one after each step, in size, speed and accuracy.",
    positionals: ["MODEL"],
    options: [
      Option("--recipe", "FILE", "measure the checkpoint after each step of this recipe; may be repeated"),
      Option("--reference", "CHECKPOINT", "for a pack: the checkpoint to compare it with"),
      Option("--tasks", "FILE", "problems to ask (default: tasks.jsonl beside the checkpoint's folder)"),
      Option("--text", "FILE", "text to predict (default: heldout.txt beside the checkpoint's folder)"),
      Option("--problems", "N", "ask at most N problems, spread evenly over the tasks (default: all)"),
      Option("--text-tokens", "N", "predict at most N tokens of the text (default: all)"),
      Option("--max-tokens", "N", "tokens of a thinking answer at most (default: 4096)"),
      Option("--no-speed", nil, "measure no speed; with a text alone, a checkpoint need not fit into memory"),
      .thinking, .noThinking, .seed,
      Option("--json", "FILE", "write the report as JSON; - writes it to stdout instead of the table"),
      Option("--store", nil, "for a pack: keep the row in its manifest"),
      .threads, .quiet,
    ],
    example: "quire evaluate recipes/demo/checkpoint --recipe recipes/int4.json5 --json bill.json",
    run: runEvaluate)
}

private func evaluationOptions(_ arguments: Arguments) throws -> EvaluationOptions {
  var options = EvaluationOptions(
    taskFile: arguments.string("--tasks"), textFile: arguments.string("--text"),
    textTokenLimit: try arguments.integer("--text-tokens", in: 1...Int.max),
    problemLimit: try arguments.integer("--problems", in: 1...Int.max),
    threadCount: try arguments.threadCount(), instructionSet: try Environment.instructionSet())
  if arguments.has("--no-speed") { options.speed = nil }
  // Without a word both modes are measured; either option leaves only its own.
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
  if arguments.has("--store"), case .checkpoint = try ModelPlace(model) {
    throw CommandError(
      "--store: expected a pack to keep the row in, found the folder \(model); evaluate a pack or leave it out"
    )
  }
  let evaluator = try Evaluator(
    model: model, recipes: arguments.all("--recipe").map { try Recipe(path: $0) },
    reference: arguments.string("--reference"), options: options)
  let jsonPath = arguments.string("--json")
  // Where the report goes is checked before the hours are spent.
  if let jsonPath, jsonPath != "-" { try checkWritable(jsonPath) }
  var bars = ProgressSeries(quiet: arguments.has("--quiet"))
  let report: EvaluationReport
  do {
    defer { bars.close() }
    report = try evaluator.run(onProgress: { bars.update($0) })
  }
  let text = report.json.serialized(pretty: true) + "\n"
  // What was measured is shown even if no file or pack can keep it.
  let stored = Result { if arguments.has("--store") { try report.store(inPack: model) } }
  let written = Result { if let jsonPath, jsonPath != "-" { try write(text, to: jsonPath) } }
  Terminal.output(jsonPath == "-" ? text : report.table())
  try written.get()
  try stored.get()
}

private func write(_ text: String, to path: String) throws {
  do {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
  } catch {
    throw CommandError("cannot write \(path): expected a file in an existing, writable folder")
  }
}

private func checkWritable(_ path: String) throws {
  let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
  var isFolder: ObjCBool = false
  let isTaken = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  guard !isTaken, FileManager.default.isWritableFile(atPath: folder) else {
    throw CommandError("cannot write \(path): expected a file in an existing, writable folder")
  }
}

/// A bar for each stage of each row.
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
