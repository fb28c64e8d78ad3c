import QuireEvaluation
import QuireFiles
import QuireJSON

/// A report of `evaluate --json`, as the server publishes it: file names without their folders, because clients must
/// not see the machine's folders.
struct ServedReport {
  /// The report with its members `model`, `reference`, `method` and `rows`.
  let json: JSONValue

  /// Throws one sentence if the file is not such a report.
  init(path: String) throws {
    let bytes: [UInt8]
    do throws(TextProblem) { bytes = try TextFile.bytes(path: path) } catch {
      throw CommandError("\(Self.expectation(path)), found \(error.description); \(Self.advice)")
    }
    let value: JSONValue
    do { value = try JSONValue.parse(bytes) } catch {
      throw CommandError("\(Self.expectation(path)): \(error.description); \(Self.advice)")
    }
    json = try Self.shown(value, path: path)
  }

  private static let advice = "give --report the file that 'quire evaluate MODEL --json FILE' writes"

  private static func expectation(_ path: String) -> String {
    "expected a report of an evaluation at \(path)"
  }

  private static func shown(_ value: JSONValue, path: String) throws -> JSONValue {
    guard var report = value.objectValue, let rows = ReportView.rows(of: value) else {
      throw CommandError("\(expectation(path)), found \(ReportView.kind(of: value)); \(advice)")
    }
    // Names of folders, and answers, which are not for clients, and what no client shows.
    for key in ["models", "provenance", "flipped"] { report[key] = nil }
    if var sensitivity = report["sensitivity"]?.objectValue {
      sensitivity["text"] = sensitivity["text"].map(withoutFolder)
      report["sensitivity"] = .object(sensitivity)
    }
    report["rows"] = .array(
      rows.map { row in
        guard var row = row.objectValue else { return row }
        row["path"] = row["path"].map(withoutFolder)
        return .object(row)
      })
    for key in ["model", "reference"] { report[key] = report[key].map(withoutFolder) }
    if var method = report["method"]?.objectValue {
      for key in ["tasks", "text"] {
        guard var part = method[key]?.objectValue else { continue }
        part["sources"] = nil
        part["file"] = part["file"].map(withoutFolder)
        method[key] = .object(part)
      }
      report["method"] = .object(method)
    }
    return .object(report)
  }

  private static func withoutFolder(_ value: JSONValue) -> JSONValue {
    guard let path = value.stringValue else { return value }
    return .string(PathText.name(of: path))
  }
}
