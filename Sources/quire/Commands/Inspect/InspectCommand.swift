import QuireJSON
import QuireModelFiles

extension Command {
  static let inspect = Command(
    name: "inspect",
    summary:
      "Shows what a checkpoint or pack holds: shapes, schemes, sizes, recipe, provenance and what each step cost.\n"
      + "With --tensor: statistics of one tensor, and with --rows the values of some of its rows. - reads a pack from stdin.",
    positionals: ["MODEL"],
    options: [
      Option("--tensor", "NAME", "only this tensor: the statistics of its values, after dequantization"),
      Option(
        "--rows", "A:B",
        "with --tensor: only the rows from A to before B, and their values; of a pack only the parts with these rows are read"
      ),
      .adapter, .parent, .threads, .json,
    ],
    example: "quire inspect demo.quire --json",
    run: runInspect)
}

private func runInspect(_ arguments: Arguments) throws {
  let source = try arguments.modelSource()
  if let name = arguments.string("--tensor") {
    let inspection = try TensorInspection(name, source, arguments)
    showNotices(try source.notices())
    return arguments.has("--json")
      ? Terminal.outputLine(inspection.json.serialized()) : Terminal.report(inspection.text)
  }
  if arguments.has("--rows") {
    throw UsageError("inspect", "--rows: expected --tensor with it, found none; add --tensor NAME")
  }
  let configuration = try source.configuration()
  let inspection = try Inspection(source)
  showNotices(try source.notices())
  if arguments.has("--json") { return Terminal.outputLine(inspection.json.serialized(pretty: true)) }
  Terminal.report(inspection.text(configuration, width: Terminal.outputScreen.width))
}
