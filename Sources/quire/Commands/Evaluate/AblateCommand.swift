import QuireEvaluation
import QuireFiles
import QuireJSON
import QuireModelFiles
import QuireText

extension Command {
  static let ablate = Command(
    name: "ablate",
    summary: """
      Measures what each technique is worth on this machine, by switching it on alone and off among all others.
      Techniques: weights (float32, bf16, int8, nl4, int4), heads (one KV group less in every layer), kv-cache, prefix-cache, \
      batching, threads, lookup (drafts from the text itself). All variants answer the same recorded requests in turns; \
      factors are medians over the rounds. Answers that must not change are compared to the last bit, the others with \
      those of the float32 model.
      """,
    positionals: ["MODEL"],
    options: [
      Option(
        "--requests", "FILE",
        "recorded requests, one JSON body a line as clients send them to /v1/chat/completions (default: requests.jsonl "
          + "next to the checkpoint's folder, else a bundled set)"),
      Option("--techniques", "LIST", "switch only these, separated by commas; the others stay on"),
      Option("--rounds", "N", "times that every variant is measured; the median counts (default: 3)"),
      Option("--max-tokens", "N", "tokens of an answer at most (default: 64)"),
      Option("--slots", "N", "requests that run together (default: 8)"),
      Option(
        "--no-alone", nil,
        "measure nothing with the other techniques off, which takes most of the time on a large model"),
      Option("--json", "FILE", "write the report as JSON; - writes it to stdout instead of the tables"),
      Option(
        "--html", "FILE", "write the report as one HTML file; - writes it to stdout instead of the tables"),
      .force, .adapter, .chatFormat, .reasoningTags, .toolFormat, .parent, .threads, .quiet,
    ],
    example: "quire ablate recipes/demo/checkpoint --html ablation.html",
    stop: .ends(advice: "nothing was written, so run it again from the start"),
    run: runAblate)
}

private func runAblate(_ arguments: Arguments) throws {
  _ = try arguments.streamsReport()
  let ablation = try Ablation(model: arguments.positionals[0], options: try ablationOptions(arguments))
  var files = OutputGuard()
  files.reads(model: ablation.model)
  let source = try ModelSource(path: ablation.model)
  files.reads(parentOf: source.pack)
  ablation.options.requestsFile.map { files.reads($0, as: "the requests") }
  let outputs = try ReportOutputs(arguments, &files, member: "kind")
  showNotices(try source.notices())
  var bars = StageProgress(quiet: arguments.has("--quiet"))
  defer { bars.close() }
  var report = try ablation.run { bars.update($0.title, $0.done, $0.total) }
  report.provenance = .current(command: CommandText.quoted(CommandLine.arguments.dropFirst()))
  let json = report.json.serialized(pretty: true) + "\n"
  let written = Result { try outputs.write(json: json, html: AblationPage(report).html) }
  if !outputs.isStreamed { Terminal.report(report.text(width: Terminal.outputScreen.width)) }
  try written.get()
  guard report.faults.isEmpty else {
    throw CommandError(
      "expected the same answers to the last bit with and without "
        + "\(report.faults.map(\.technique.title).joined(separator: ", ")), found others; this is a fault of quire, so "
        + "report it with the model and the requests")
  }
}

private func ablationOptions(_ arguments: Arguments) throws -> AblationOptions {
  var options = AblationOptions(threadCount: try arguments.threadCount())
  options.requestsFile = arguments.string("--requests")
  options.techniques = try techniques(arguments)
  options.roundCount = try arguments.integer("--rounds", in: 1...1000) ?? options.roundCount
  options.maximumTokens =
    try arguments.integer("--max-tokens", in: 1...Int(Int32.max)) ?? options.maximumTokens
  options.slots = try arguments.integer("--slots", in: 1...256) ?? options.slots
  options.measuresAlone = !arguments.has("--no-alone")
  options.instructionSet = try Environment.instructionSet()
  options.chatFormat = try arguments.chatFormat()
  options.adapters = arguments.all("--adapter")
  return options
}

private func techniques(_ arguments: Arguments) throws -> [AblationTechnique] {
  guard let text = arguments.string("--techniques") else { return AblationTechnique.allCases }
  let names = text.split(separator: ",", omittingEmptySubsequences: false)
  let found = names.compactMap { AblationTechnique(rawValue: String($0)) }
  guard found.count == names.count, Set(found).count == found.count else {
    let known = AblationTechnique.allCases.map(\.rawValue).joined(separator: ", ")
    throw UsageError(
      arguments.command,
      "--techniques: expected different ones of \(known), separated by commas, found '\(text)'")
  }
  return found
}
