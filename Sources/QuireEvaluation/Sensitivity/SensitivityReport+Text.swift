import QuireText

extension SensitivityReport {
  var heading: String {
    "Sensitivity — KL in 10⁻³ nats a token of the model with one change, on \(tokenCount) tokens of \(text)"
  }

  /// Tables of at most `width` columns: the KL divergence of every change, layer by layer.
  func table(width: Int) -> String {
    var text = ""
    for grid in SensitivityGrid.all(self) {
      var table = TextTable(columns: [.init("layer", .left)] + grid.columns.map { .init($0) })
      for row in grid.rows { table.add([row.label] + row.costs.map { Self.thousandths($0?.divergence) }) }
      text += "\n\(grid.title)\n" + table.parts(width: width, keyCount: 1).map(\.text).joined(separator: "\n")
    }
    let others = matrices.filter { $0.layer == nil }
    if !others.isEmpty {
      text +=
        "\n"
        + others.map { "\($0.part) \(Self.thousandths($0.cost.divergence)) (\($0.format))" }
        .joined(separator: ", ") + "\n"
    }
    return text
  }

  /// With three digits, in thousandths.
  static func thousandths(_ value: Double?) -> String {
    value.map { NumberText.significant(1000 * $0) } ?? NumberText.missing
  }
}
