import QuireJSON
import QuireModelFiles

/// What earlier runs have kept of a row, and what this run adds.
struct KeptRow {
  let basics: KeptBasics?
  var speed: SpeedScore?
  var text: TextScore?
  /// Of the modes that are finished, one reply per problem.
  var replies: [AskMode: [ReplyRecord]] = [:]

  init(_ store: ResultStore, _ keys: RowKeys, _ material: EvaluationMaterial) {
    basics = store.value(keys.row).flatMap(KeptBasics.init)
    if material.method.speed != nil { speed = store.value(keys.speed).flatMap(SpeedScore.init(kept:)) }
    if material.windows != nil { text = store.value(keys.text).flatMap(TextScore.init(kept:)) }
    for mode in material.method.tasks?.askModes ?? [] {
      guard let parts = store.value(keys.answers(mode))?.arrayValue else { continue }
      let found = parts.compactMap(ReplyRecord.read)
      if found.map(\.index) == Array(material.problems.indices) { replies[mode] = found.map(\.record) }
    }
  }

  func hasAnswers(_ material: EvaluationMaterial) -> Bool {
    (material.method.tasks?.askModes ?? []).allSatisfy { replies[$0] != nil }
  }

  /// Whether nothing is left to measure.
  func isComplete(_ material: EvaluationMaterial) -> Bool {
    hasAnswers(material) && (material.method.speed == nil || speed != nil)
      && (material.windows == nil || text != nil)
  }
}

/// Sizes, memory and times of a row.
struct KeptBasics {
  let json: JSONValue

  init(_ row: EvaluationRow) {
    json = [
      "file": .int(row.size.fileBytes), "weights": .int(row.size.weightBytes),
      "parameters": .int(row.size.parameterCount), "peak": row.peakMemoryBytes.map { .int($0) } ?? .null,
      "load": .double(row.loadSeconds), "conversion": row.conversionSeconds.map { .double($0) } ?? .null,
      "wall": .double(row.wallSeconds), "notes": .array(row.notes.map { .string($0) }),
    ]
  }

  /// Nil for anything else than such a row.
  init?(_ json: JSONValue) {
    guard json["file"]?.intValue != nil, json["weights"]?.intValue != nil,
      json["parameters"]?.intValue != nil, json["load"]?.doubleValue != nil,
      json["wall"]?.doubleValue != nil
    else { return nil }
    self.json = json
  }

  func restore(_ row: inout EvaluationRow) {
    row.size = ModelSize(
      fileBytes: json["file"]?.intValue ?? 0, weightBytes: json["weights"]?.intValue ?? 0,
      parameterCount: json["parameters"]?.intValue ?? 0)
    row.peakMemoryBytes = json["peak"]?.intValue
    row.loadSeconds = json["load"]?.doubleValue ?? 0
    row.conversionSeconds = json["conversion"]?.doubleValue
    row.wallSeconds = json["wall"]?.doubleValue ?? 0
    row.notes = (json["notes"]?.arrayValue ?? []).compactMap(\.stringValue)
  }
}
