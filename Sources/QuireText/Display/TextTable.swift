/// A table of short texts in columns, for terminals.
///
///     var table = TextTable(columns: [.init("step", .left), .init("size", .right)])
///     table.add(["reference", "10.2 MB"])
///     print(table.text)
package struct TextTable: Sendable {
  package enum Alignment: Sendable { case left, right }

  package struct Column: Sendable {
    package let title: String
    package let alignment: Alignment

    package init(_ title: String, _ alignment: Alignment = .right) {
      self.title = title
      self.alignment = alignment
    }
  }

  package let columns: [Column]
  private var rows: [[String]] = []

  package init(columns: [Column]) {
    self.columns = columns
  }

  /// Appends a row. Control characters of names are escaped, for a line feed would break the row. Precondition: one cell
  /// per column.
  package mutating func add(_ cells: [String]) {
    precondition(cells.count == columns.count, "\(cells.count) cells for \(columns.count) columns")
    rows.append(cells.map(\.visibleLine))
  }

  /// The same table split into parts that are at most `width` columns wide. Each part has the first `keyCount` columns
  /// and as many of the others as fit, at least one. If not even one fits, the cells of the first column are cut.
  package func parts(width: Int, keyCount: Int) -> [TextTable] {
    let all = self.widths
    let widest = all[keyCount...].max() ?? 0
    let others = all[1..<max(1, keyCount)].reduce(widest) { $0 + $1 + Self.gap.count } + Self.gap.count
    guard all[0] + others <= width || all[0] <= Self.cutWidth else {
      return cuttingFirstColumn(to: max(Self.cutWidth, width - others)).parts(
        width: width, keyCount: keyCount)
    }
    return stacked(width: width, keyCount: keyCount)
  }

  /// Minimum width to which cells of the first column are cut.
  private static let cutWidth = 8

  private func cuttingFirstColumn(to limit: Int) -> TextTable {
    var table = TextTable(columns: columns)
    for row in rows {
      let isCut = row[0].displayWidth > limit
      table.add([isCut ? row[0].prefix(columns: limit - 1) + "…" : row[0]] + row.dropFirst())
    }
    return table
  }

  private func stacked(width: Int, keyCount: Int) -> [TextTable] {
    let widths = widths
    let keyWidth = widths[..<keyCount].reduce(0) { $0 + $1 + Self.gap.count }
    var groups: [[Int]] = [[]]
    var used = keyWidth
    for column in keyCount..<columns.count {
      let needed = widths[column] + Self.gap.count
      if let last = groups.last, !last.isEmpty, used + needed - Self.gap.count > width {
        groups.append([])
        used = keyWidth
      }
      groups[groups.count - 1].append(column)
      used += needed
    }
    return groups.map { selecting(Array(0..<keyCount) + $0) }
  }

  private func selecting(_ indices: [Int]) -> TextTable {
    var table = TextTable(columns: indices.map { columns[$0] })
    for row in rows { table.add(indices.map { row[$0] }) }
    return table
  }

  /// Width of the longest line in columns.
  package var width: Int { widths.reduce(0, +) + Self.gap.count * (columns.count - 1) }

  /// Title line, rule and rows, each with a line end; no trailing white space.
  package var text: String { text(rule: [String(repeating: "─", count: width)]) }

  /// The same without the rule.
  package var textWithoutRule: String { text(rule: []) }

  private func text(rule: [String]) -> String {
    let widths = widths
    let lines = [line(columns.map(\.title), widths)] + rule + rows.map { line($0, widths) }
    return lines.map { $0 + "\n" }.joined()
  }

  private static let gap = "  "

  private var widths: [Int] {
    columns.indices.map { column in
      rows.reduce(columns[column].title.displayWidth) { max($0, $1[column].displayWidth) }
    }
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    let padded = columns.indices.map { column in
      let padding = String(repeating: " ", count: widths[column] - cells[column].displayWidth)
      switch columns[column].alignment {
      case .left: return cells[column] + padding
      case .right: return padding + cells[column]
      }
    }
    var line = padded.joined(separator: Self.gap)
    while line.last == " " { line.removeLast() }
    return line
  }
}
