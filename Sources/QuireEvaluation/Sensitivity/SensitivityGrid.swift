/// Costs of one kind, layers × parts, for tables and heat maps.
struct SensitivityGrid {
  let title: String
  /// What a column is: "matrix", "head".
  let columnTitle: String
  let columns: [String]
  let rows: [(label: String, costs: [SensitivityReport.Cost?])]

  /// All grids of a report: matrices, KV groups, heads.
  static func all(_ report: SensitivityReport) -> [SensitivityGrid] {
    [matrices(report)].compactMap { $0 }
      + [("KV group", report.groups), ("query head", report.heads)].compactMap { units($0, $1) }
  }

  private static func matrices(_ report: SensitivityReport) -> SensitivityGrid? {
    let inLayers = report.matrices.filter { $0.layer != nil }
    var columns: [String] = []
    for matrix in inLayers where !columns.contains(matrix.part) { columns.append(matrix.part) }
    let layers = Set(inLayers.compactMap(\.layer)).sorted()
    guard !layers.isEmpty else { return nil }
    let formats = Set(report.matrices.map(\.format)).sorted().joined(separator: " or ")
    return SensitivityGrid(
      title: "One matrix rounded to \(formats)", columnTitle: "matrix", columns: columns,
      rows: layers.map { layer in
        let own = inLayers.filter { $0.layer == layer }
        return ("\(layer)", columns.map { column in own.first { $0.part == column }?.cost })
      })
  }

  private static func units(_ unit: String, _ layers: [[SensitivityReport.Cost]]) -> SensitivityGrid? {
    let count = layers.map(\.count).max() ?? 0
    guard count > 0 else { return nil }
    return SensitivityGrid(
      title: "One \(unit) removed and the rest refitted", columnTitle: unit,
      columns: (0..<count).map(String.init),
      rows: layers.enumerated().map { layer, costs in
        ("\(layer)", (0..<count).map { costs.indices.contains($0) ? costs[$0] : nil })
      })
  }

  /// The least and the largest finite divergence above 0; nil where there is none.
  var range: ClosedRange<Double>? {
    let values = rows.flatMap(\.costs).compactMap { $0?.divergence }.filter { $0 > 0 && $0.isFinite }
    guard let least = values.min(), let most = values.max() else { return nil }
    return least...most
  }
}

extension SensitivityReport {
  /// The parts that cost most and least, as sentences.
  var sentences: [String] {
    var sentences: [String] = []
    let ranked = matrices.filter { $0.cost.divergence != nil }
      .sorted { ($0.cost.divergence ?? 0) > ($1.cost.divergence ?? 0) }
    if ranked.count > 3 {
      let most = ranked.prefix(3).map { "\($0.name) (\(NumberText.significant($0.cost.divergence)))" }
      let sum = ranked.reduce(0) { $0 + ($1.cost.divergence ?? 0) }
      let top = ranked.prefix(max(1, ranked.count / 10)).reduce(0) { $0 + ($1.cost.divergence ?? 0) }
      sentences.append(
        "The matrices that cost most when rounded alone: \(most.joined(separator: ", ")). The most sensitive tenth of the "
          + "matrices has \(NumberText.fixed(sum > 0 ? 100 * top / sum : 0, 0))% of the sum.")
    }
    for (name, layers) in [("KV group", groups), ("query head", heads)] {
      let units = layers.enumerated().flatMap { layer, costs in
        costs.enumerated().map { (layer: layer, index: $0.offset, cost: $0.element.divergence ?? .infinity) }
      }.filter { $0.cost.isFinite }.sorted { $0.cost < $1.cost }
      guard let least = units.first, let most = units.last, units.count > 1 else { continue }
      sentences.append(
        "The cheapest \(name) to remove is number \(least.index) of layer \(least.layer) (KL "
          + "\(NumberText.significant(least.cost))), the most expensive number \(most.index) of layer \(most.layer) "
          + "(\(NumberText.significant(most.cost))).")
    }
    return sentences
  }
}
