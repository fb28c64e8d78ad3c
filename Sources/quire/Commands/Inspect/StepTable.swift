import Foundation
import QuireFiles
import QuireJSON
import QuireText

/// The rows of a pack's manifest: the model after each step, with the results of `evaluate --store`.
struct StepTable {
  private let rows: [JSONValue]

  init(_ rows: [JSONValue]) { self.rows = rows }

  /// Tables in lines of at most `width` columns, then the notes of the steps; empty without rows.
  func text(width: Int) -> String {
    guard !rows.isEmpty else { return "" }
    let columns = Self.columns.filter { column in rows.contains { column.cell($0) != nil } }
    var table = TextTable(columns: [.init("step", .left)] + columns.map { .init($0.title) })
    for row in rows {
      table.add([row["step"]?.stringValue ?? "checkpoint"] + columns.map { $0.cell(row) ?? "–" })
    }
    let notes = rows.flatMap { $0["notes"]?.arrayValue ?? [] }.compactMap(\.stringValue)
    return "\nafter each step:\n" + table.parts(width: width, keyCount: 1).map(\.text).joined(separator: "\n")
      + notes.map { "note: \($0.visibleLine)\n" }.joined()
  }

  private struct Column: Sendable {
    let title: String
    let cell: @Sendable (JSONValue) -> String?
  }

  private static let columns: [Column] = [
    Column(title: "parameters") { $0["parameters"]?.intValue.map(String.init) },
    // An evaluated row has both sizes; otherwise its size is that of the weights.
    Column(title: "in memory") { bytes($0["weightBytes"] ?? $0["sizeBytes"]) },
    Column(title: "on disk") { $0["weightBytes"] == nil ? nil : bytes($0["sizeBytes"]) },
    Column(title: "bits/weight") { number($0["bitsPerWeight"], "%.2f") },
    Column(title: "cache") { cache($0) },
    Column(title: "perplexity") { number($0["perplexity"], "%.4f") },
    Column(title: "ratio") { number($0["perplexityRatio"], "%.4f") },
    Column(title: "KL mean") { number($0["klMean"], "%.2e") },
    Column(title: "top-1 %") { number($0["topOneAgreement"], "%.2f", times: 100) },
    Column(title: "thinking %") { accuracy($0, "thinking") },
    Column(title: "non-thinking %") { accuracy($0, "nonThinking") },
    Column(title: "prompt tok/s") { number($0["promptTokensPerSecond"], "%.1f") },
    Column(title: "decode tok/s") { number($0["decodeTokensPerSecond"], "%.1f") },
  ]

  /// The type of keys and values, where it is not the usual one: float32 for the reference, float16 for packs.
  private static func cache(_ row: JSONValue) -> String? {
    let usual = row["row"]?.stringValue == "reference" ? "float32" : "float16"
    return row["kvCache"]?.stringValue.flatMap { $0 == usual ? nil : $0 }
  }

  private static func bytes(_ value: JSONValue?) -> String? { value?.intValue.map { ByteText.of($0) } }

  private static func accuracy(_ row: JSONValue, _ mode: String) -> String? {
    number(row["tasks"]?["all"]?[mode]?["accuracy"], "%.1f", times: 100)
  }

  private static func number(_ value: JSONValue?, _ format: String, times factor: Double = 1) -> String? {
    value?.doubleValue.map { String(format: format, $0 * factor) }
  }
}
