import Foundation
import QuireJSON

/// Costs, layers × parts, as squares whose colour grows with the logarithm of the cost. Each square also has a mark in
/// five sizes, so that nothing depends on colour, and its value as a tooltip; the table below has all values.
struct HeatMap {
  let grid: SensitivityGrid
  private static let left = 40.0
  private static let top = 26.0
  private static let levels = 5.0

  var figure: Markup {
    let count = max(1, grid.columns.count)
    let cellWidth = min(56.0, max(9.0, 296.0 / Double(count)))
    let cellHeight = min(cellWidth, 22.0)
    let width = Self.left + cellWidth * Double(count) + 8
    let height = Self.top + cellHeight * Double(grid.rows.count) + 8
    var parts = columnLabels(cellWidth: cellWidth)
    for (index, row) in grid.rows.enumerated() {
      let y = Self.top + cellHeight * Double(index)
      // A label of every row would overlap where rows are low.
      if cellHeight >= 13 || index % 2 == 0 {
        parts.append(ScatterChart.text(row.label, Self.left - 6, y + cellHeight / 2 + 4, "end"))
      }
      for (column, cost) in row.costs.enumerated() {
        parts += cell(
          cost, x: Self.left + cellWidth * Double(column), y: y, width: cellWidth, height: cellHeight,
          name: "layer \(row.label), \(grid.columnTitle) \(grid.columns[column])")
      }
    }
    let text = caption
    return .tag(
      "figure", [],
      .tag(
        "div", [("class", "wide")],
        .tag(
          "svg",
          [
            ("class", "heat"),
            ("viewBox", "0 0 \(ScatterChart.number(width)) \(ScatterChart.number(height))"),
            ("style", "width:\(ScatterChart.number(width))px"), ("role", "img"), ("aria-label", text),
          ], parts)),
      .tag("figcaption", [], text))
  }

  private var caption: String {
    let range =
      grid.range.map {
        "from \(NumberText.significant($0.lowerBound)) to \(NumberText.significant($0.upperBound)) nats a token"
      } ?? "none"
    return
      "\(grid.title): KL, \(range). Rows are layers, columns \(grid.columnTitle == "matrix" ? "matrices" : grid.columnTitle + "s"); "
      + "a stronger colour and a larger dot mean a larger cost."
  }

  private func columnLabels(cellWidth: Double) -> [Markup] {
    // The names of all matrices end alike.
    let titles = grid.columns.map { $0.replacing("_proj", with: "") }
    let longest = Double(titles.map(\.count).max() ?? 1) * 7.5 + 4
    let step = max(1, Int((longest / cellWidth).rounded(.up)))
    return titles.enumerated().compactMap { index, title in
      guard index % step == 0 else { return nil }
      return ScatterChart.text(
        title, Self.left + cellWidth * (Double(index) + 0.5), Self.top - 8, "middle")
    }
  }

  private func cell(
    _ cost: SensitivityReport.Cost?, x: Double, y: Double, width: Double, height: Double, name: String
  ) -> [Markup] {
    guard let value = cost?.divergence, value.isFinite else { return [] }
    let share = share(value)
    let title = "\(name): KL \(NumberText.significant(value))"
    let box: [(String, String)] = [
      ("class", "cell"), ("x", ScatterChart.number(x + 0.5)), ("y", ScatterChart.number(y + 0.5)),
      ("width", ScatterChart.number(width - 1)), ("height", ScatterChart.number(height - 1)),
      ("fill-opacity", NumberText.fixed(0.06 + 0.84 * share, 2)),
    ]
    let level = (share * Self.levels).rounded(.up)
    let radius = level / Self.levels * 0.32 * min(width, height)
    return [
      .tag("rect", box, .tag("title", [], title)),
      .tag(
        "circle",
        [
          ("class", share > 0.55 ? "dot light" : "dot"), ("cx", ScatterChart.number(x + width / 2)),
          ("cy", ScatterChart.number(y + height / 2)), ("r", NumberText.fixed(radius, 2)),
        ], []),
    ]
  }

  /// The logarithm between the least and the largest cost: 0 to 1.
  private func share(_ value: Double) -> Double {
    guard let range = grid.range, value > 0 else { return 0 }
    guard range.upperBound > range.lowerBound else { return 1 }
    // More than three orders of magnitude below the largest is nothing.
    let low = max(range.lowerBound, range.upperBound / 1000)
    guard value > low, range.upperBound > low else { return value >= range.upperBound ? 1 : 0 }
    return min(1, log(value / low) / log(range.upperBound / low))
  }
}

extension ReportPage {
  /// Heat maps of what each part of the reference is worth; nil where the report has none.
  var sensitivity: Markup? {
    guard let report = report.json["sensitivity"].flatMap(SensitivityReport.init(json:)) else { return nil }
    let grids = SensitivityGrid.all(report)
    guard !grids.isEmpty else { return nil }
    var parts: [Markup?] = [
      Self.muted(
        "The checkpoint with one change at a time, on \(report.tokenCount) tokens of \(report.text). The steps budget and "
          + "prune-heads decide by the same measurements.")
    ]
    parts += report.sentences.map(Self.paragraph)
    parts.append(.tag("div", [("class", "charts")], grids.map { HeatMap(grid: $0).figure }))
    parts += grids.map(Self.values)
    return section("Where the model is sensitive", parts)
  }

  /// All values of a grid, for readers who cannot see the map.
  private static func values(_ grid: SensitivityGrid) -> Markup {
    var table = MarkupTable(["layer"] + grid.columns)
    for row in grid.rows {
      table.add(
        row.label,
        row.costs.map { cost in
          guard let cost else { return NumberText.missing }
          let error = cost.outputError.map { " (\(NumberText.percent($0))%)" } ?? ""
          return SensitivityReport.thousandths(cost.divergence) + error
        })
    }
    return .tag(
      "details", [],
      .tag("summary", [], "\(grid.title): KL in 10⁻³ nats a token (share of the output lost)"), table.markup)
  }
}
