import Foundation
import QuireConversion
import QuireEvaluation
import QuireFiles
import QuirePacks
import QuireTensors

extension Command {
  static let delta = Command(
    name: "delta",
    summary:
      "Writes a delta pack: only what differs between a pack and another pack, its parent.\n"
      + "A delta pack is used like any other pack, while its parent is in the same folder or named by --parent.",
    positionals: ["PACK"],
    options: [
      Option("--parent", "FILE", "the pack whose equal or similar tensors are not stored again"),
      Option("--output", "FILE", "the delta pack to write; - writes it to stdout"), .force, .threads,
      .quietResult,
    ],
    example:
      "quire delta qwen3-8b-int4.quire --parent qwen3-8b-int8.quire --output qwen3-8b-int4-delta.quire",
    stop: .ends(advice: Stop.startAgain),
    run: { try rewrite($0, isDelta: true) })

  static let flatten = Command(
    name: "flatten",
    summary:
      "Turns a delta pack back into a whole pack, with the same bytes that a conversion without --parent gives.",
    positionals: ["PACK"],
    options: [
      .parent, Option("--output", "FILE", "the pack to write; - writes it to stdout"), .force, .threads,
      .quietResult,
    ],
    example: "quire flatten qwen3-8b-int4-delta.quire --output qwen3-8b-int4.quire",
    stop: .ends(advice: Stop.startAgain),
    run: { try rewrite($0, isDelta: false) })
}

/// Writes all tensors of PACK again, as a delta pack or as a whole one.
private func rewrite(_ arguments: Arguments, isDelta: Bool) throws {
  let named = try arguments.required("--output")
  var files = OutputGuard()
  if isDelta { _ = try arguments.required("--parent") }
  let pack = try PackReader(path: arguments.positionals[0])
  // With `delta` the option names the new pack's parent, not that of this one.
  if !isDelta { showNotices([pack.parentNotice].compactMap(\.self)) }
  let parent = isDelta ? try arguments.parentPack(&files) : nil
  files.reads(pack.path, as: "the pack")
  files.reads(parentOf: pack)
  let output = try PackOutput(named)
  defer { output.cleanUp() }
  let replaces = arguments.has("--force")
  try files.check(output.path, option: "--output", replaces: replaces)
  try files.checkUnfinishedPack(of: output.path, option: "--output", replaces: replaces)
  try DiskRoom.check(rewriting: pack, output, isDelta: isDelta)
  let compute = try arguments.compute()
  let begin = Date()
  let isQuiet = arguments.has("--quiet")
  let progress = Progress(arguments.command, unit: .bytes, quiet: isQuiet)
  do {
    defer { progress.close() }
    let writer = try PackWriter(path: output.path, team: compute.team, parent: parent)
    try writer.addTensors(of: pack, team: compute.team) { progress.update($0, of: $1) }
    var manifest = pack.manifest
    // The stored size is that of the pack that was evaluated.
    manifest.rows = EvaluationReport.rowsWithoutFile(manifest.rows)
    try writer.finish(manifest: manifest)
  }
  try output.deliver()
  output.noteParent(parent)
  guard !isQuiet else { return }
  let seconds = Terminal.seconds(Date().timeIntervalSince(begin))
  let size = ByteText.of((try? InputFile(path: output.path))?.byteCount ?? 0)
  output.remarkLine("wrote \(output.name): \(size) in \(seconds)")
}

extension Arguments {
  /// The pack of `--parent` that a new pack is to take tensors from; nil without one.
  func parentPack(_ files: inout OutputGuard) throws -> PackReader? {
    guard let path = string("--parent") else { return nil }
    guard path != InputFile.standardInputPath else {
      throw CommandError(
        "--parent: expected the path of a pack, found -: the parent must be a file that stays; save it and give its path"
      )
    }
    files.reads(path, as: "the parent")
    return try PackReader(wholePackAt: path)
  }
}
