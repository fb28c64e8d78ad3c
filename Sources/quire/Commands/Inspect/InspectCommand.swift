import QuireJSON
import QuireModelFiles

extension Command {
  static let inspect = Command(
    name: "inspect",
    summary:
      "Shows what a checkpoint or pack holds: shapes, schemes, sizes, recipe, provenance and what each step cost.",
    positionals: ["MODEL"], options: [.json],
    example: "quire inspect demo.quire --json",
    run: runInspect)
}

private func runInspect(_ arguments: Arguments) throws {
  let source = try arguments.modelSource()
  let configuration = try source.configuration()
  let inspection = try Inspection(source)
  showNotices(try source.notices())
  if arguments.has("--json") { return Terminal.outputLine(inspection.json.serialized(pretty: true)) }
  Terminal.report(inspection.text(configuration, width: Terminal.outputScreen.width))
}
