import QuireFiles

/// An ablation as one self-contained HTML page in the style of the evaluation's.
package struct AblationPage {
  let report: AblationReport

  package init(_ report: AblationReport) { self.report = report }

  package var html: String {
    let name = PathText.name(of: report.method.model)
    return PageFrame.html(
      title: "What each technique is worth: \(name)",
      body: [
        .tag("p", [("class", "muted")], report.heading), findings,
        table(
          "Gains",
          "How many times as good as the state before; above 1 is better. ≈: not every round agrees on which is faster.",
          AblationReport.gainTitles, report.gainCells),
        table(
          "Accuracy",
          "On the answers of the reference (\(AblationReport.describe(report.plan.reference))); KL in nats a token.",
          AblationReport.accuracyTitles, report.accuracyCells),
        table("Measured", "Medians of the rounds.", AblationReport.variantTitles, report.variantCells),
        provenance,
      ])
  }

  private var findings: Markup {
    let lines = report.sentences + report.notes
    return .tag("section", [], .tag("h2", [], "Findings"), .tag("ul", [], lines.map { .tag("li", [], $0) }))
  }

  private func table(_ title: String, _ note: String, _ titles: [String], _ cells: [[String]]) -> Markup? {
    guard !cells.isEmpty else { return nil }
    var table = MarkupTable(titles)
    for line in cells { table.add(line[0], Array(line.dropFirst())) }
    return .tag(
      "section", [], .tag("h2", [], title), .tag("p", [("class", "muted")], note), table.markup)
  }

  private var provenance: Markup? {
    guard let provenance = report.provenance else { return nil }
    return .tag(
      "section", [], .tag("h2", [], "How it was measured"),
      .tag("p", [], "\(provenance.program), \(provenance.processor), \(provenance.date)."),
      .tag("pre", [], provenance.command))
  }
}
