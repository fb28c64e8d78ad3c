import QuireFiles
import QuireJSON
import QuireModelFiles

extension Command {
  static let inspect = Command(
    name: "inspect",
    summary:
      "Shows what a checkpoint or pack holds: shapes, schemes, sizes, tokenizer, recipe, provenance and what each step cost.\n"
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
  showNotices(try source.notices() + inspection.tokenizer.notices + source.leftovers)
  if arguments.has("--json") {
    Terminal.outputLine(inspection.json.serialized(pretty: true))
  } else {
    Terminal.report(inspection.text(configuration, width: Terminal.outputScreen.width))
  }
  // What could be read is shown even if the tokenizer cannot be used.
  if let fault = inspection.tokenizer.fault { throw CommandError(fault) }
}

extension ModelSource {
  /// The journal of the conversion that made a pack, where it was killed after it had renamed the pack.
  fileprivate var leftovers: [String] {
    guard isPack else { return [] }
    let unfinished = UnfinishedFiles(of: path)
    let (found, journal) = (unfinished.found, unfinished.path(of: .journal))
    guard found.contains(.journal), !found.contains(.contents), !FileBeginning.journal.isForeign(journal)
    else { return [] }
    return [
      "\(journal) is left of a conversion that was stopped just after it had finished the pack; it is of no use, so delete it"
    ]
  }
}
