import QuireFiles
import QuireJSON

/// A report as one self-contained HTML page: inline SVG, no script, readable without colour, on narrow and wide screens
/// and on paper.
///
///     let html = ReportPage(try ReportView(path: "evaluation.json")).html
package struct ReportPage {
  let report: ReportView

  package init(_ report: ReportView) { self.report = report }

  package var html: String {
    let title = "Evaluation of \(names)"
    return PageFrame.html(
      title: title,
      body: [
        summary, choice, charts, ledger, rowTable, thinking, budgets, tasks, flips, sensitivity, method,
        provenance,
      ])
  }

  private var names: String {
    let paths = report.json["models"]?.arrayValue ?? [report.json["model"] ?? .null]
    let names = paths.compactMap(\.stringValue).map(PathText.name)
    return names.isEmpty ? "a model" : names.joined(separator: ", ")
  }

  func section(_ title: String, _ parts: [Markup?]) -> Markup {
    .tag("section", [], [.tag("h2", [], title)] + parts.compactMap { $0 })
  }

  static func paragraph(_ text: String) -> Markup { .tag("p", [], text) }
  static func muted(_ text: String) -> Markup { .tag("p", [("class", "muted")], text) }

  private var summary: Markup? {
    let count = report.rows.count
    var text = "\(count) \(count == 1 ? "row" : "rows")"
    if let reference = report.reference, count > 1 {
      text +=
        ", compared with the unmodified checkpoint in float32 (\(NumberText.bytes(reference.sizeBytes)))"
    }
    let adapters = (report.json["adapters"]?.arrayValue ?? []).compactMap { $0["description"]?.stringValue }
    if !adapters.isEmpty { text += ", merged into checkpoints: \(adapters.joined(separator: ", "))" }
    if let date = report.json["provenance"]?["date"]?.stringValue { text += ", measured \(date)" }
    return Self.muted(
      text + ". ± is one standard error; within two of them no difference is claimed.")
  }

  // MARK: Choice

  private var choice: Markup? {
    let choice = RowChoice(report)
    guard let sizes = choice.sizeTable else { return nil }
    let losses = choice.lossTable
    return section(
      "Which one to take",
      [
        .tag("h3", [], "For a size"), Self.muted("The row of at most this size that loses least."), sizes,
        losses == nil ? nil : .tag("h3", [], "For a loss"),
        losses == nil
          ? nil
          : Self.muted(
            "The smallest row that loses at most so many percentage points of right answers in its worse mode."
          ),
        losses,
      ])
  }

  // MARK: Charts

  private var numbered: [(number: Int, row: ReportView.Row)] {
    report.rows.enumerated().map { ($0.offset + 1, $0.element) }
  }

  private var charts: Markup? {
    guard report.rows.count > 1 else { return nil }
    let size = ScatterChart.Axis(
      title: "size", format: { NumberText.bytes($0, extraDecimals: $1) }, lessIsBetter: true)
    let significant = { (value: Double, extra: Int) in NumberText.significant(value, extraDecimals: extra) }
    let percent = { (value: Double, _: Int) in NumberText.plain(value) + "%" }
    func sizeOf(_ row: ReportView.Row) -> Estimate? {
      row.sizeBytes.map { Estimate(value: $0, standardError: nil) }
    }
    func right(_ mode: String) -> (ReportView.Row) -> Estimate? {
      { row in
        row.score(TaskProblem.aggregateName, mode).map {
          Estimate(
            value: 100 * $0.accuracy.value, standardError: $0.accuracy.standardError.map { 100 * $0 })
        }
      }
    }
    var figures: [Markup?] = []
    for mode in report.modes where !mode.hasPrefix("thinking-") {
      let axis = ScatterChart.Axis(
        title: "right answers, \(ReportView.title(ofMode: mode))", format: percent, lessIsBetter: false)
      figures.append(scatter(size, axis, sizeOf, right(mode)))
      let seconds = ScatterChart.Axis(
        title: "seconds per answer", format: significant, lessIsBetter: true)
      figures.append(
        scatter(
          seconds, axis,
          { row in
            row.score(TaskProblem.aggregateName, mode)?.secondsPerAnswer.map {
              Estimate(value: $0, standardError: nil)
            }
          }, right(mode)))
    }
    let kl = ScatterChart.Axis(
      title: "KL, nats a token", format: significant, lessIsBetter: true,
      prefersLogarithm: true)
    figures.append(
      scatter(size, kl, sizeOf) { row in
        // The reference's own divergence is 0.
        row.isReference ? nil : row.estimate("klMean")
      })
    if report.modes.isEmpty, report.rows.contains(where: { $0.number("klMean") != nil }) {
      let speed = ScatterChart.Axis(
        title: "generated tokens/s", format: significant, lessIsBetter: false)
      figures.append(
        scatter(speed, kl, { $0.estimate("decodeTokensPerSecond") }) {
          $0.isReference ? nil : $0.estimate("klMean")
        })
    }
    let found = figures.compactMap { $0 }
    guard !found.isEmpty else { return nil }
    return section(
      "Gain and cost",
      [
        Self.muted("Numbers are those of the rows below. The dashed line joins rows that none beats."),
        .tag("div", [("class", "charts")], found),
      ])
  }

  private func scatter(
    _ x: ScatterChart.Axis, _ y: ScatterChart.Axis, _ valueX: (ReportView.Row) -> Estimate?,
    _ valueY: (ReportView.Row) -> Estimate?
  ) -> Markup? {
    let points = numbered.compactMap { number, row -> ScatterChart.Point? in
      guard let valueX = valueX(row), let valueY = valueY(row) else { return nil }
      return ScatterChart.Point(number: number, label: row.label, x: valueX, y: valueY)
    }
    return points.count > 1 ? ScatterChart(points: points, x: x, y: y).figure : nil
  }

  // MARK: Rows

  private var ledger: Markup? {
    let rowSummary = RowSummary(report: report)
    let items = numbered.filter { !$0.row.isReference }.map { number, row in
      Markup.tag(
        "li", [("value", "\(number)")], .tag("b", [], row.label + ": "), .text(rowSummary.sentence(row)))
    }
    guard !items.isEmpty else { return nil }
    let title = report.reference == nil ? "What each row is" : "What each row saves and costs"
    return section(title, [.tag("ol", [], items)])
  }

  private var rowTable: Markup? {
    var table = MarkupTable([
      "row", "size", "bits a weight", "peak memory", "prompt tokens/s", "generated tokens/s", "perplexity",
      "KL", "same top token",
    ])
    for (number, row) in numbered {
      table.add(
        "\(number) \(row.label)",
        [
          NumberText.bytes(row.sizeBytes), NumberText.fixed(row.number("bitsPerWeight"), 2),
          row.json["peakMemoryBytes"]?.intValue.map(ByteText.of) ?? NumberText.missing,
          NumberText.significant(row.number("promptTokensPerSecond")),
          NumberText.significant(row.number("decodeTokensPerSecond")),
          NumberText.fixed(row.number("perplexity"), 4),
          row.isReference ? NumberText.missing : NumberText.significant(row.number("klMean")),
          row.number("topOneAgreement").map { NumberText.percent($0) + "%" } ?? NumberText.missing,
        ])
    }
    return section("Figures", [table.markup])
  }
}
