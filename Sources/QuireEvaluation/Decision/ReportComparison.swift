import QuireFiles
import QuireJSON
import QuireText

/// An earlier report of the same material next to a new one.
package struct ReportComparison: Sendable {
  private let report: ReportView
  private let baseline: ReportView

  /// Throws one sentence when the two measured other problems or another text.
  package init(
    _ report: ReportView, baseline: ReportView, path: String
  ) throws(EvaluationError) {
    try Self.check(report.json["method"] ?? .null, baseline: baseline, path: path)
    self.report = report
    self.baseline = baseline
  }

  /// The same check before anything is measured.
  package static func check(
    _ method: EvaluationMethod, baseline: ReportView, path: String
  ) throws(EvaluationError) {
    try check(method.json, baseline: baseline, path: path)
  }

  private static func check(
    _ method: JSONValue, baseline: ReportView, path: String
  ) throws(EvaluationError) {
    let other = baseline.json["method"]
    let parts = [
      ("problems", method["tasks"]?["problemHash"], other?["tasks"]?["problemHash"]),
      ("text", method["text"]?["scoredTokens"], other?["text"]?["scoredTokens"]),
      ("text", method["text"]?["textHash"], other?["text"]?["textHash"]),
    ]
    for (name, own, other) in parts where own != nil && other != nil && own != other {
      throw .invalidOption(
        name: "baseline",
        sentence: "--baseline: expected a report of the same \(name), found others in \(path); "
          + "give a report of the same material")
    }
  }

  /// The answers that changed, where both reports know each problem's outcome.
  static func flips(of own: ReportView.Score, from other: ReportView.Score) -> AnswerFlips? {
    guard let new = own.outcomes, let old = other.outcomes, new.utf8.count == old.utf8.count, !new.isEmpty
    else { return nil }
    let one = UInt8(ascii: "1")
    return AnswerFlips(reference: old.utf8.map { $0 == one }, row: new.utf8.map { $0 == one })
  }

  /// The change of an accuracy: paired where both know each problem's outcome.
  static func change(of own: ReportView.Score, from other: ReportView.Score) -> Estimate {
    flips(of: own, from: other)?.accuracyChange ?? difference(of: own, from: other)
  }

  /// The difference of two accuracies whose answers cannot be paired; its error is nil where that of one is not known.
  static func difference(of own: ReportView.Score, from other: ReportView.Score) -> Estimate {
    let errors = [own, other].compactMap(\.spreadError)
    return Estimate(
      value: own.accuracy.value - other.accuracy.value,
      standardError: errors.count == 2 ? errors.reduce(0) { $0 + $1 * $1 }.squareRoot() : nil)
  }

  /// The changes as tables of at most `width` columns.
  package func table(width: Int) -> String {
    var columns: [TextTable.Column] = [.init("row", .left)]
    let modes = report.modes
    columns += [.init("size"), .init("decode tok/s"), .init("KL mean"), .init("perplexity")]
    columns += modes.map { .init(ReportView.title(ofMode: $0) + ", points") }
    var table = TextTable(columns: columns)
    var missing: [String] = []
    for row in report.rows {
      guard let old = baseline.rows.first(where: { $0.label == row.label }) else {
        missing.append(row.label)
        continue
      }
      table.add(
        [row.label, percent("sizeBytes", row, old), percent("decodeTokensPerSecond", row, old)]
          + [difference("klMean", row, old), percent("perplexity", row, old)]
          + modes.map { points($0, row, old) })
    }
    let lines = missing.map { "not in the earlier report: \($0.visibleLine)\n" }.joined()
    return table.parts(width: width, keyCount: 1).map(\.text).joined(separator: "\n") + lines
  }

  private func percent(_ key: String, _ row: ReportView.Row, _ old: ReportView.Row) -> String {
    guard let own = row.number(key), let other = old.number(key), other != 0 else {
      return NumberText.missing
    }
    let share = 100 * (own / other - 1)
    return DecimalText.signed(share, 1) + "%"
  }

  private func difference(_ key: String, _ row: ReportView.Row, _ old: ReportView.Row) -> String {
    guard let own = row.number(key), let other = old.number(key) else { return NumberText.missing }
    return (own > other ? "+" : "") + NumberText.significant(own - other)
  }

  private func points(_ mode: String, _ row: ReportView.Row, _ old: ReportView.Row) -> String {
    guard let own = row.score(TaskProblem.aggregateName, mode),
      let other = old.score(TaskProblem.aggregateName, mode)
    else { return NumberText.missing }
    if let flips = Self.flips(of: own, from: other) {
      return flips.isWithinChance ? "≈" : NumberText.points(flips.accuracyChange.value)
    }
    let change = Self.difference(of: own, from: other)
    return change.isWithinNoise(of: 0) ? "≈" : NumberText.points(change.value)
  }
}
