import Foundation
import QuireEvaluation
import QuireFiles
import QuireJSON
import QuireConversion
import QuireModelFiles
import QuireTensors
import QuireText

extension Command {
  static let evaluate = Command(
    name: "evaluate",
    summary:
      "Measures size, speed and accuracy of models: a row for the reference, one for each pack, and one after each step of "
      + "a recipe.\n"
      + "With --json or --html, results are kept in the folder evaluation-results next to the report as they are measured. A "
      + "run that was stopped resumes from them, and further models are compared without measuring the reference again.",
    positionals: ["MODEL…"],
    options: [
      Option(
        "--recipe", "FILE", "measure the checkpoint after each step of this recipe", isRepeatable: true),
      Option("--reference", "CHECKPOINT", "the checkpoint to compare packs with"),
      Option(
        "--server", "URL",
        "a running server with OpenAI's API as a row, such as http://127.0.0.1:8080/v1: answers, and perplexity where it "
          + "gives log-probabilities of prompts", isRepeatable: true),
      Option(
        "--server-model", "NAME", "the model to ask the server for (default: the only one it lists)",
        isRepeatable: true),
      Option(
        "--server-key-file", "FILE",
        "the server's API key; with several servers one file each, - for none; else the variable QUIRE_SERVER_KEY",
        isRepeatable: true),
      Option("--server-timeout", "SECONDS", "the most time for one answer of a server (default: 1800)"),
      Option(
        "--tasks", "FILE:KIND",
        "problems to ask, of the kind exact, qa, gsm8k, mmlu, arc, hellaswag or ifeval, or as a .json5 description says; exact "
          + "compares text (43.0 is not 43), qa numbers by value (default: tasks.jsonl next to the checkpoint's folder)",
        isRepeatable: true),
      Option("--text", "FILE", "text to predict (default: heldout.txt next to the checkpoint's folder)"),
      Option("--problems", "N", "ask at most N problems, spread evenly over the tasks (default: all)"),
      Option("--text-tokens", "N", "predict at most N tokens of the text (default: all)"),
      Option(
        "--max-tokens", "N",
        "limit of a thinking answer in tokens (default: 4096, or a quarter of the model's positions if that is less); with --no-thinking "
          + "the limit of an answer without it (default: 1024, or a sixteenth of the positions)"),
      Option(
        "--thinking-budget", "LIST",
        "also measure with the reasoning limited to these token counts, such as 0,128,512,none (none: no limit)"
      ),
      Option(
        "--kv-cache", "LIST",
        "a row for each of these types of keys and values: float16 (default), int8, float32; the reference has float32"
      ),
      Option("--no-speed", nil, "measure no speed; with only a text, a checkpoint need not fit into memory"),
      Option("--no-tasks", nil, "ask no problems"),
      Option("--no-text", nil, "predict no text"),
      Option(
        "--sensitivity", nil,
        "measure what it costs to change each part of the reference alone: each matrix rounded, each head and each KV group "
          + "removed"),
      Option("--fresh", nil, "measure again what earlier runs have kept"),
      Option("--thinking", nil, "ask with thinking only (default: both modes)"),
      Option("--no-thinking", nil, "ask without thinking only"),
      Option("--seed", "N", "decides which problems --problems chooses (default: 1)"),
      Option("--json", "FILE", "write the report as JSON; - writes it to stdout instead of the table"),
      Option(
        "--html", "FILE", "write the report as one HTML file; - writes it to stdout instead of the table"),
      Option(
        "--gate", "CONDITIONS",
        "exit with 1 unless every model but the reference meets them: \"kl<=0.02, gsm8k>=-1pt, size<=5GB\". For an accuracy "
          + "-1pt is at most one percentage point below the reference, and 96% is the accuracy itself; for size, memory and "
          + "speed % is a change, with its sign: size<=-70%. Quantities: \(GateCondition.quantities.joined(separator: ", ")), and a "
          + "task's name or tasks for all together, with .thinking or .non-thinking for one mode; a name with a comma, <= or >= in "
          + "double quotes. What was not measured is "
          + "not met. Conditions of several --gate are joined", isRepeatable: true),
      Option(
        "--gate-undecided", "WORD",
        "fail (default) or pass: what a value does that is within two standard errors of its limit, or that too few documents "
          + "or answers tell from it"),
      Option(
        "--baseline", "FILE",
        "an earlier report of the same material to compare with; the gate counts changes from it"),
      .force,
      Option(
        "--store", nil,
        "for one pack: keep the row in its manifest, of several caches the first's; earlier figures stay where text, problems "
          + "and cache are the same"),
      .adapter, .chatFormat, .reasoningTags, .toolFormat, .parent, .threads,
      Option("--quiet", nil, "no progress and no notes on stderr"),
    ],
    example: "quire evaluate recipes/demo/checkpoint --recipe recipes/int4.json5 --json evaluation.json",
    stop: .ends(
      advice:
        "what was measured is kept where --json or --html names a file, and then the same command resumes"),
    run: runEvaluate)
}

private func evaluationOptions(_ arguments: Arguments) throws -> EvaluationOptions {
  var options = EvaluationOptions(
    textFile: arguments.string("--text"),
    textTokenLimit: try arguments.integer("--text-tokens", in: 1...Int.max),
    problemLimit: try arguments.integer("--problems", in: 1...Int.max),
    threadCount: try arguments.threadCount(), instructionSet: try Environment.instructionSet(),
    chatFormat: try arguments.chatFormat())
  for name in arguments.all("--tasks") { options.tasks.append(try TaskSource(argument: name)) }
  if arguments.has("--no-speed") { options.speed = nil }
  options.asksTasks = !arguments.has("--no-tasks")
  options.predictsText = !arguments.has("--no-text")
  for (option, other) in [("--tasks", "--no-tasks"), ("--text", "--no-text")]
  where arguments.has(option) && arguments.has(other) {
    throw UsageError(arguments.command, "expected \(option) or \(other), found both; leave one out")
  }
  // By default both modes are measured; each option selects only its mode.
  if arguments.has("--thinking") || arguments.has("--no-thinking") { options.modes = [try arguments.mode()] }
  options.thinkingBudgets = try thinkingBudgets(arguments)
  if let types = try cacheTypes(arguments) { options.cacheTypes = types }
  if let limit = try arguments.integer("--max-tokens", in: 1...Int(Int32.max)) {
    if options.modes == [.nonThinking] {
      options.nonThinkingTokens = limit
    } else {
      options.thinkingTokens = limit
    }
  }
  if let seed = try arguments.integer("--seed", in: 0...Int.max) { options.seed = UInt64(seed) }
  options.resultsFolder = ["--json", "--html"].compactMap { arguments.string($0) }.first {
    !StreamOutput.isStream($0)
  }
  .map { URL(fileURLWithPath: $0).deletingLastPathComponent().path + "/evaluation-results" }
  options.measuresSensitivity = arguments.has("--sensitivity")
  options.servers = try arguments.servers()
  options.adapters = arguments.all("--adapter")
  options.isFresh = arguments.has("--fresh")
  options.programVersion = Program.version
  return options
}

/// The limits of `--thinking-budget`; "none" is the thinking mode itself, which is asked anyway.
private func thinkingBudgets(_ arguments: Arguments) throws -> [Int] {
  guard let text = arguments.string("--thinking-budget") else { return [] }
  var budgets: [Int] = []
  for part in text.split(separator: ",", omittingEmptySubsequences: false) where part != "none" {
    guard let budget = Int(part), (0...Int(Int32.max)).contains(budget), !budgets.contains(budget) else {
      throw UsageError(
        arguments.command,
        "--thinking-budget: expected different numbers of tokens and none, separated by commas, found '\(text)'"
      )
    }
    budgets.append(budget)
  }
  guard !arguments.has("--no-thinking") else {
    throw UsageError(
      arguments.command, "expected --thinking-budget or --no-thinking, found both; leave one out")
  }
  return budgets.sorted()
}

/// The types of `--kv-cache`; nil when it is not given.
private func cacheTypes(_ arguments: Arguments) throws -> [KeyValueElement]? {
  guard let text = arguments.string("--kv-cache") else { return nil }
  let types = text.split(separator: ",", omittingEmptySubsequences: false).map {
    KeyValueElement(rawValue: String($0))
  }
  let known = types.compactMap(\.self)
  guard known.count == types.count, Set(known).count == known.count else {
    throw UsageError(
      arguments.command,
      "--kv-cache: expected different types among float16, int8 and float32, separated by commas, found '\(text)'"
    )
  }
  return known
}

private func runEvaluate(_ arguments: Arguments) throws {
  _ = try arguments.streamsReport()
  let options = try evaluationOptions(arguments)
  let models = arguments.positionals
  if arguments.has("--store") { try checkStore(arguments) }
  let recipes = try arguments.all("--recipe").map { try arguments.recipe($0) }
  let evaluator = try Evaluator(
    models: models, recipes: recipes.map(\.recipe), reference: arguments.string("--reference"),
    options: options)
  let judge = try ReportJudge(arguments)
  let outputs = try ReportOutputs(arguments, recipes.map { ($0.recipe, $0.path) }, options.tasks)
  for model in models + arguments.all("--reference") { showNotices(try ModelSource(path: model).notices()) }
  let report = try measure(evaluator, arguments, judge)
  // The report is shown even if it cannot be written to a file or pack.
  let stored = Result { if arguments.has("--store") { try store(report, arguments) } }
  let written = Result { try outputs.write(report) }
  if !outputs.isStreamed { Terminal.report(report.table(width: Terminal.outputScreen.width)) }
  try written.get()
  try stored.get()
  if arguments.has("--store"), !arguments.has("--quiet"), options.cacheTypes.count > 1 {
    Terminal.errorLine("note: \(models[0]) keeps the row with the \(options.cacheTypes[0].rawValue) cache")
  }
  try judge.judge(report)
}

/// Refuses what is not the path of one pack that can be written again, and to discard a conversion to that path that was
/// stopped.
private func checkStore(_ arguments: Arguments) throws {
  let models = arguments.positionals
  let found =
    try models.count > 1
    ? "\(models.count) models" : models[0] == InputFile.standardInputPath ? nil : noPack(models[0])
  if let found {
    throw UsageError(
      arguments.command,
      "--store: expected one pack to keep the row in, found \(found); evaluate a pack or leave it out")
  }
  if models[0] == InputFile.standardInputPath {
    throw UsageError(
      arguments.command,
      "--store: expected the path of a pack to keep the row in, found -; save the pack and give its path")
  }
  try OutputGuard.checkFolderTakesFiles(resolvedPath(models[0]), "--store")
  let reference = try arguments.string("--reference").map {
    try ModelSource(path: $0, adapters: arguments.all("--adapter"))
  }
  if let problem = try EvaluationReport.storingProblem(inPack: models[0], reference: reference) {
    throw CommandError("--store: \(problem)")
  }
  try checkUnfinished(arguments)
}

private func checkUnfinished(_ arguments: Arguments) throws {
  try OutputGuard().checkUnfinishedPack(
    of: resolvedPath(arguments.positionals[0]), option: "--store", replaces: arguments.has("--force"),
    alternative: "leave --store out")
}

/// What is at a path that holds no pack; nil for a pack.
private func noPack(_ path: String) throws -> String? {
  let source = try ModelSource(path: path)
  return source.isPack ? nil : "the \(source.isFile ? "file" : "folder") \(path)"
}

private func store(_ report: EvaluationReport, _ arguments: Arguments) throws {
  // A conversion may have been started and stopped while the evaluation ran.
  try checkUnfinished(arguments)
  let notes = try report.store(inPack: arguments.positionals[0])
  guard !arguments.has("--quiet") else { return }
  for note in notes { Terminal.errorLine("note: \(note)") }
}

private func measure(
  _ evaluator: Evaluator, _ arguments: Arguments, _ judge: ReportJudge
) throws -> EvaluationReport {
  let isQuiet = arguments.has("--quiet")
  var bars = StageProgress(quiet: isQuiet)
  defer { bars.close() }
  var report = try evaluator.run(
    onProgress: { state in
      bars.update(
        "row \(state.rowIndex + 1) of \(state.rowCount), \(state.row), \(state.title)", state.done,
        state.total,
        note: state.secondsLeft.flatMap {
          $0 < 0.05 ? nil : "(all rows: \(Terminal.seconds($0)) left)"
        } ?? "")
    },
    onKept: { count in
      guard !isQuiet else { return }
      Terminal.errorLine(
        "note: \(count) \(count == 1 ? "result" : "results") of earlier runs used; --fresh measures again")
    },
    onStart: { method, tasks, models throws(EvaluationError) in
      try judge.check(method, tasks: tasks, models: models)
      guard let tasks = method.tasks, !isQuiet else { return }
      Terminal.errorLine("chat format: \(tasks.chatFormat)")
    })
  report.provenance = .current(command: CommandText.quoted(CommandLine.arguments.dropFirst()))
  return report
}
