/// Accuracy against the tokens of an answer, for limits of the thought: one curve a row.
struct BudgetChart {
  struct Curve {
    let number: Int
    let label: String
    /// By mean tokens per answer.
    let points: [(tokens: Double, accuracy: Estimate)]
  }

  let curves: [Curve]
  private static let dashes = ["", "6 3", "2 3", "9 3 2 3", "1 4", "12 4"]

  var figure: Markup {
    let all = curves.flatMap(\.points)
    let scaleX = ChartScale(all.map(\.tokens), includesZero: true)
    let scaleY = ChartScale(all.map { 100 * $0.accuracy.value } + [0], includesZero: true)
    func px(_ value: Double) -> Double { 52 + scaleX.position(value) * 352 }
    func py(_ value: Double) -> Double { 252 - scaleY.position(value) * 228 }
    var parts: [Markup] = []
    for tick in scaleY.ticks where tick <= 100.01 {
      parts.append(ScatterChart.line(52, py(tick), 404, py(tick), "grid"))
      parts.append(ScatterChart.text(NumberText.plain(tick), 46, py(tick) + 4, "end"))
    }
    for tick in scaleX.ticks {
      parts.append(ScatterChart.line(px(tick), 252, px(tick), 257, "axis"))
      parts.append(ScatterChart.text(NumberText.plain(tick), px(tick), 271, "middle"))
    }
    parts.append(ScatterChart.line(52, 252, 404, 252, "axis"))
    parts.append(ScatterChart.text("tokens per answer", 228, 292, "middle"))
    parts.append(ScatterChart.text("right answers, %", 4, 14, "start"))
    for (index, curve) in curves.enumerated() {
      let path = curve.points.map {
        "\(ScatterChart.number(px($0.tokens))),\(ScatterChart.number(py(100 * $0.accuracy.value)))"
      }
      let dash = Self.dashes[index % Self.dashes.count]
      parts.append(
        .tag(
          "path",
          [("class", "curve"), ("d", "M" + path.joined(separator: "L")), ("stroke-dasharray", dash)], []))
      for point in curve.points {
        parts.append(
          .tag(
            "circle",
            [
              ("class", "best"), ("cx", ScatterChart.number(px(point.tokens))),
              ("cy", ScatterChart.number(py(100 * point.accuracy.value))), ("r", "3"),
            ], []))
      }
      if let last = curve.points.last {
        parts.append(
          ScatterChart.text(
            "\(curve.number)", min(px(last.tokens) + 6, 398), py(100 * last.accuracy.value) - 6, "start"))
      }
    }
    let names = curves.map { "\($0.number) \($0.label)" }.joined(separator: ", ")
    let title = "Right answers against tokens per answer, for limits of the thought"
    return .tag(
      "figure", [],
      .tag("svg", [("viewBox", "0 0 420 300"), ("role", "img"), ("aria-label", title)], parts),
      .tag("figcaption", [], "\(title). Curves: \(names)."))
  }
}
