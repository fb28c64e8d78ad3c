import QuireFiles
import Foundation
import QuireCheckpoints
import QuireJSON
import QuireModel
import QuirePacks
import QuireTensors

extension Command {
  static let inspect = Command(
    name: "inspect",
    summary:
      "Shows what a checkpoint or pack holds: shapes, schemes, sizes, recipe, provenance and the bill.",
    positionals: ["MODEL"], options: [.json],
    example: "quire inspect demo.quire --json",
    run: runInspect)

  static let verify = Command(
    name: "verify",
    summary: "Checks every byte of a pack against its checksums, and its tensors against its configuration.",
    positionals: ["PACK"], options: [.threads, .quiet],
    example: "quire verify demo.quire",
    run: runVerify)
}

private func runVerify(_ arguments: Arguments) throws {
  let pack = try PackReader(path: arguments.positionals[0])
  let progress = Progress("verify", unit: .bytes, quiet: arguments.has("--quiet"))
  defer { progress.close() }
  if pack.manifest.configuration != nil { try pack.checkModel() }
  try pack.verify(team: arguments.compute().team) { done, total in
    progress.update(done, of: total)
  }
  let raw = pack.tensors.reduce(0) { $0 + $1.rawBytes }
  Terminal.outputLine(
    "\(pack.path): sound; \(pack.tensors.count) tensors, \(ByteText.of(raw)) in \(ByteText.of(pack.fileBytes))"
  )
}

/// One line of an inspection.
private struct TensorLine {
  let name: String
  let shape: [Int]
  let scheme: String
  let group: Int?
  let rawBytes: Int
  let packedBytes: Int

  var json: JSONValue {
    [
      "name": .string(name), "shape": .array(shape.map { .int($0) }), "scheme": .string(scheme),
      "group": group.map { .int($0) } ?? .null, "rawBytes": .int(rawBytes),
      "packedBytes": .int(packedBytes),
    ]
  }
}

/// What an inspection shows, whichever kind of model it is.
private struct Inspection {
  let path: String
  let bytes: Int
  let configuration: JSONValue
  let lines: [TensorLine]
  let members: [(String, JSONValue)]  // recipe, provenance, rows

  init(path: String) throws {
    self.path = path
    switch try ModelPlace(path) {
    case .checkpoint(let folder):
      let checkpoint = try Checkpoint(path: folder)
      configuration = checkpoint.configuration
      lines = checkpoint.tensorNames.compactMap(checkpoint.record).map {
        TensorLine(
          name: $0.name, shape: $0.shape, scheme: $0.element.rawValue, group: nil, rawBytes: $0.byteCount,
          packedBytes: $0.byteCount)
      }
      bytes = lines.reduce(0) { $0 + $1.rawBytes }
      members = [("recipe", .null), ("provenance", .null), ("rows", .array([]))]
    case .pack(let file):
      let pack = try PackReader(path: file)
      configuration = pack.manifest.configuration ?? .null
      lines = pack.tensors.map {
        TensorLine(
          name: $0.name, shape: $0.shape, scheme: $0.scheme, group: $0.group, rawBytes: $0.rawBytes,
          packedBytes: $0.packedBytes)
      }
      bytes = pack.fileBytes
      members =
        [
          ("recipe", pack.manifest.recipe?.json ?? .null), ("provenance", pack.manifest.provenance ?? .null),
          ("rows", .array(pack.manifest.rows)),
        ]
    }
  }

  var json: JSONValue {
    var object = JSONObject()
    object["tensors"] = .array(lines.map(\.json))
    object["configuration"] = configuration
    for (key, value) in members { object[key] = value }
    return .object(object)
  }

  func print(_ configuration: ModelConfiguration) {
    let parameters = lines.reduce(0) { $0 + $1.shape.reduce(1, *) }
    Terminal.outputLine(
      "\(path): \(configuration.layerCount) layers, hidden \(configuration.hiddenSize), vocabulary \(configuration.vocabularySize), \(parameters) parameters"
    )
    let bits = Double(bytes) * 8 / Double(max(1, parameters))
    Terminal.outputLine(String(format: "%@, %.2f bits per weight", ByteText.of(bytes) as NSString, bits))
    let heads = configuration.layers.map { "\($0.queryHeadCount)/\($0.keyValueHeadCount)" }
    Terminal.outputLine(
      "query/KV heads: " + (Set(heads).count == 1 ? heads.first ?? "" : heads.joined(separator: " ")))
    printTensors()
    for (name, value) in members where value != .null && value != .array([]) {
      Terminal.outputLine("\n\(name):\n\(value.stringValue ?? value.serialized(pretty: true))")
    }
  }

  private func printTensors() {
    func column(_ text: String, _ width: Int) -> String {
      text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0)
    }
    let width = lines.map(\.name.count).max() ?? 0
    for line in lines {
      let scheme = line.scheme + (line.group.map { " g\($0)" } ?? "")
      let shape = line.shape.map(String.init).joined(separator: "x")
      Terminal.outputLine(
        "  \(column(line.name, width))  \(column(shape, 13))  \(column(scheme, 10))  \(ByteText.of(line.rawBytes)) -> \(ByteText.of(line.packedBytes))"
      )
    }
  }
}

private func runInspect(_ arguments: Arguments) throws {
  let inspection = try Inspection(path: arguments.positionals[0])
  let configuration = try ModelConfiguration(json: inspection.configuration)
  if arguments.has("--json") { return Terminal.outputLine(inspection.json.serialized(pretty: true)) }
  inspection.print(configuration)
}
