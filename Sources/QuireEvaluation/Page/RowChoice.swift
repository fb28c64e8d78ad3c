import Foundation
import QuireFiles

/// Which row to take: the most accurate one for a size, and the smallest one for a loss.
struct RowChoice {
  private let rows: [ReportView.Row]
  private let report: ReportView

  init(_ report: ReportView) {
    self.report = report
    let usable = report.rows.filter(\.isFinal)
    rows = (usable.isEmpty ? report.rows : usable).filter { $0.sizeBytes != nil }
      .sorted { ($0.sizeBytes ?? 0) < ($1.sizeBytes ?? 0) }
  }

  /// How much worse than the reference: lost points in the worst mode; without tasks the KL divergence.
  func loss(_ row: ReportView.Row) -> Double? {
    let changes = modes.compactMap { row.score(TaskProblem.aggregateName, $0)?.flips?.accuracyChange.value }
    if let least = changes.min() { return -least }
    return hasTasks ? nil : row.number("klMean") ?? row.number("perplexity")
  }

  /// Modes without a limit of the thought.
  private var modes: [String] { report.modes.filter { !$0.hasPrefix("thinking-") } }
  private var hasTasks: Bool {
    report.reference != nil
      && rows.contains { row in
        modes.contains { row.score(TaskProblem.aggregateName, $0)?.flips != nil }
      }
  }

  /// Limits of size in round numbers between the smallest row and the reference.
  private var sizeLimits: [Double] {
    let sizes = rows.compactMap(\.sizeBytes)
    guard let least = sizes.min(), least > 0, sizes.allSatisfy({ $0 < 1e16 }) else { return [] }
    let most = max(sizes.max() ?? least, min(report.reference?.sizeBytes ?? 0, 1e16))
    let digits = [1, 1.5, 2, 3, 4, 5, 6, 8]
    let powers = Int(log10(least).rounded(.down))...Int(log10(max(most, least)).rounded(.up))
    let limits = powers.flatMap { power in digits.map { $0 * pow(10, Double(power)) } }
    return Array(limits.filter { $0 >= least && $0 <= most * 1.3 }.prefix(7))
  }

  private func best(atMost limit: Double) -> ReportView.Row? {
    let fitting = rows.filter { $0.sizeBytes ?? .infinity <= limit }
    return fitting.min {
      (loss($0) ?? .infinity, $0.sizeBytes ?? 0) < (loss($1) ?? .infinity, $1.sizeBytes ?? 0)
    }
  }

  var sizeTable: Markup? {
    guard rows.count > 1, rows.contains(where: { loss($0) != nil }) else { return nil }
    var table = MarkupTable(["at most", "take", "size", lossTitle])
    for limit in sizeLimits {
      guard let row = best(atMost: limit) else { continue }
      table.add(NumberText.bytes(limit), cells(row))
    }
    return .tag("div", [("class", "choice")], table.markup)
  }

  /// Losses in points, each with the smallest row.
  var lossTable: Markup? {
    guard hasTasks else { return nil }
    var table = MarkupTable(["points lost at most", "take", "size", lossTitle])
    for limit in [0.0, 0.005, 0.01, 0.02, 0.05, 0.1] {
      // The error of a float must not decide.
      let row = rows.first { loss($0).map { $0 <= limit + 1e-9 } ?? false }
      let name = NumberText.fixed(100 * limit, limit == 0.005 ? 1 : 0)
      if let row { table.add(name, cells(row)) } else { table.add(name, ["none of these rows", "–", "–"]) }
    }
    return .tag("div", [("class", "choice")], table.markup)
  }

  private var lossTitle: String {
    hasTasks ? "change in points" : report.reference != nil ? "KL, nats a token" : "perplexity"
  }

  private func cells(_ row: ReportView.Row) -> [String] {
    var loss: String
    if hasTasks {
      let parts = modes.compactMap { mode -> String? in
        guard let change = row.score(TaskProblem.aggregateName, mode)?.flips?.accuracyChange else {
          return nil
        }
        return
          "\(RowSummary.signed(100 * change.value, 1)) ± \(NumberText.percent(change.standardError)) \(ReportView.title(ofMode: mode))"
      }
      loss = parts.joined(separator: ", ")
    } else {
      loss = NumberText.significant(self.loss(row))
    }
    if loss.isEmpty { loss = NumberText.missing }
    return [row.label, NumberText.bytes(row.sizeBytes), loss]
  }
}
