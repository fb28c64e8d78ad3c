import Foundation
import QuireFiles
import QuireJSON
import QuireModel
import QuireModelFiles
import QuirePacks
import QuireTensors
import QuireText

extension StoredTensor {
  fileprivate var json: JSONValue {
    [
      "name": .string(name), "shape": .array(shape.map { .int($0) }), "scheme": .string(scheme),
      "group": group.map { .int($0) } ?? .null, "rawBytes": .int(rawBytes),
      "packedBytes": .int(packedBytes),
    ]
  }
}

/// The contents of an inspection of a checkpoint or a pack.
struct Inspection {
  let path: String
  let bytes: Int
  /// Bytes in memory of a checkpoint with quantized matrices, which run as float32; nil for others.
  private let dequantizedBytes: Int?
  let configuration: JSONValue
  let lines: [StoredTensor]
  let members: [(String, JSONValue)]  // recipe, provenance, rows
  let tokenizer: TokenizerInspection
  /// What a conversion without steps does with quantized matrices.
  private let kept: QuantizedSource?
  private let adapters: [MergedAdapter]
  private let source: ModelSource
  private var pack: PackReader? { source.pack }

  init(_ source: ModelSource) throws {
    self.source = source
    path = source.path
    configuration = try source.configurationJSON()
    lines = try source.tensors()
    bytes = source.pack?.fileBytes ?? lines.reduce(0) { $0 + $1.packedBytes }
    dequantizedBytes = try source.hasQuantizedMatrices ? source.loadedBytes() : nil
    kept = try source.keptMatrices()
    adapters = try source.mergedAdapters()
    tokenizer = try TokenizerInspection(source)
    let manifest = source.pack?.manifest
    members = [
      ("recipe", manifest?.recipe?.json ?? .null), ("provenance", manifest?.provenance ?? .null),
      ("rows", .array(manifest?.rows ?? [])),
    ]
  }

  var json: JSONValue {
    var object = JSONObject()
    object["tensors"] = .array(lines.map(\.json))
    object["configuration"] = configuration
    for (key, value) in members { object[key] = value }
    object["contents"] = pack.map { .string(ContentHash.hexadecimal($0.contentsHash)) } ?? .null
    object["parent"] = pack?.parentJSON ?? .null
    object["adapters"] = .array(adapters.map(\.json))
    object["tokenizer"] = tokenizer.json
    return .object(object)
  }

  /// The inspection as text, with tables of at most `width` columns.
  func text(_ configuration: ModelConfiguration, width: Int) -> String {
    let heads = configuration.layers.map { "\($0.queryHeadCount)/\($0.keyValueHeadCount)" }
    let headText = Set(heads).count == 1 ? heads.first ?? "" : heads.joined(separator: " ")
    var text = """
      \(path.visibleLine): \(configuration.layerCount) layers, hidden \(configuration.hiddenSize), vocabulary \(configuration.vocabularySize), \(configuration.parameterCount) parameters
      \(sizeSentence(configuration))\(pack?.parentSentence ?? "")\(adapters.map { "\n" + $0.sentence }.joined())
      query/KV heads: \(headText)
      \(tokenizer.text)

      \(tensorTable.parts(width: width, keyCount: 1).map(\.text).joined(separator: "\n"))
      """
    for (name, value) in members where value != .null && value != .array([]) && name != "rows" {
      text += "\n\(name):\n\(value.stringValue ?? value.serialized(pretty: true))\n"
    }
    return text + StepTable(rows).text(width: width)
  }

  private var rows: [JSONValue] { members.first { $0.0 == "rows" }?.1.arrayValue ?? [] }

  /// Bits per weight in memory, as in plans and evaluations, and on disk, where the file is compressed.
  private func sizeSentence(_ configuration: ModelConfiguration) -> String {
    let weightBytes = source.weightBytes(lines, configuration)
    func bits(_ bytes: Int) -> String {
      String(format: "%.2f", 8 * Double(bytes) / Double(max(1, configuration.parameterCount)))
    }
    let lostCount = kept.map { $0.count - $0.kept.count } ?? 0
    let opening = dequantizedBytes.map {
      "weights in memory \(ByteText.of($0)) as float32; as stored, "
        + (lostCount == 0 ? "and after a conversion that keeps them, " : "")
    }
    let ending = lostCount == 0 ? "" : "\n" + conversionSentence(lostCount)
    return (opening ?? "weights in memory ")
      + "\(ByteText.of(weightBytes)), \(bits(weightBytes)) bits per weight; "
      + "on disk \(ByteText.of(bytes)), \(bits(bytes)) bits per weight" + ending
  }

  /// What a conversion without a recipe makes of quantized matrices that no weight format holds exactly.
  private func conversionSentence(_ lostCount: Int) -> String {
    let count = kept?.count ?? lostCount
    let which = lostCount == count ? "all \(count)" : "\(lostCount) of the \(count)"
    return
      "a conversion without a recipe stores \(which) quantized matrices as float32, because no weight format holds "
      + "them exactly"
  }

  private var tensorTable: TextTable {
    var table = TextTable(columns: [
      .init("tensor", .left), .init("shape", .left), .init("scheme", .left), .init("in memory"),
      .init("on disk"),
    ])
    for line in lines {
      table.add([
        line.name, line.shape.map(String.init).joined(separator: "x"),
        line.scheme + (line.group.map { " g\($0)" } ?? ""), ByteText.of(line.rawBytes),
        ByteText.of(line.packedBytes),
      ])
    }
    return table
  }
}
