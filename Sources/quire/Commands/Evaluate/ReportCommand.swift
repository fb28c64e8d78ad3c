import QuireEvaluation

extension Command {
  static let report = Command(
    name: "report",
    summary:
      "Shows a report that evaluate has written, without measuring: writes its page, checks conditions, or compares it with "
      + "an earlier report. The report - is read from stdin.",
    positionals: ["REPORT.json"],
    options: [
      Option("--html", "FILE", "write the report as one HTML file; - writes it to stdout"),
      Option(
        "--gate", "CONDITIONS", "exit with 1 unless every model meets them; see quire evaluate --help",
        isRepeatable: true),
      Option(
        "--gate-undecided", "WORD",
        "fail (default) or pass: what a value within two standard errors of its limit does"),
      Option("--baseline", "FILE", "an earlier report of the same material to compare with"),
      .force,
    ],
    example: "quire report evaluation.json --html evaluation.html",
    stop: .ends(advice: Stop.startAgain),
    run: runReport)
}

private func runReport(_ arguments: Arguments) throws {
  let path = arguments.positionals[0]
  guard ["--html", "--gate", "--baseline"].contains(where: arguments.has) else {
    throw UsageError(
      arguments.command, "expected --html, --gate or --baseline, found none; see quire report --help")
  }
  let view =
    path == "-"
    ? try ReportView(bytes: Array(StandardInput.text().utf8), name: "the standard input")
    : try ReportView(path: path)
  let judge = try ReportJudge(arguments)
  var files = OutputGuard()
  if path != "-" { files.reads(path, as: "the report") }
  arguments.string("--baseline").map { files.reads($0, as: "the earlier report") }
  let outputs = try ReportOutputs(arguments, &files)
  if arguments.has("--html") { try outputs.write(page: ReportPage(view).html) }
  try judge.judge(view)
}
