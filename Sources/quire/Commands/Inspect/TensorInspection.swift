import Foundation
import QuireJSON
import QuireModelFiles
import QuireTensors
import QuireText

/// `inspect --tensor`: statistics of the values of one tensor or of some of its rows, and these rows' values.
struct TensorInspection {
  private struct Statistics {
    var minimum = Float.infinity
    var maximum = -Float.infinity
    var sum = 0.0
    var squares = 0.0
    var zeros = 0
    var count = 0

    mutating func add(_ values: UnsafeBufferPointer<Float>) {
      for value in values {
        minimum = min(minimum, value)
        maximum = max(maximum, value)
        sum += Double(value)
        squares += Double(value) * Double(value)
        zeros += value == 0 ? 1 : 0
      }
      count += values.count
    }

    var mean: Double { sum / Double(max(1, count)) }
    var rootMeanSquare: Double { (squares / Double(max(1, count))).squareRoot() }
    var zeroShare: Double { Double(zeros) / Double(max(1, count)) }
  }

  /// More values are no longer for people, and JSON of them would take a lot of memory.
  private static let valueCountMax = 1 << 20
  private static let shownColumns = 6

  private let tensor: StoredTensor
  private let rows: Range<Int>
  private let statistics: Statistics
  private let frames: (read: Int, all: Int)?
  /// (row, column), where rows were asked for.
  private let values: HostBuffer<Float>?
  private let columnCount: Int

  init(_ name: String, _ source: ModelSource, _ arguments: Arguments) throws {
    let stored = try StoredRows(name, of: source)
    guard let tensor = try source.tensors().first(where: { $0.name == name }) else {
      throw ModelFileError.noTensor(path: source.path, name: name)
    }
    self.tensor = tensor
    columnCount = stored.columnCount
    let asked = try Self.rows(arguments, of: stored.rowCount)
    rows = asked ?? 0..<stored.rowCount
    frames = stored.frames(rows)
    let team = try arguments.compute().team
    var statistics = Statistics()
    if asked != nil {
      guard rows.count <= Self.valueCountMax / columnCount else {
        throw CommandError(
          "--rows: expected at most \(Self.valueCountMax) values, found \(rows.count) rows of \(columnCount); give fewer rows, or leave --rows out for statistics"
        )
      }
      let values = try stored.read(rows, team: team)
      statistics.add(UnsafeBufferPointer(values.buffer))
      self.values = values
    } else {
      for first in stride(from: 0, to: rows.upperBound, by: stored.bandRows) {
        let values = try stored.read(first..<min(first + stored.bandRows, rows.upperBound), team: team)
        statistics.add(UnsafeBufferPointer(values.buffer))
      }
      values = nil
    }
    self.statistics = statistics
  }

  /// "A:B", "A:", ":B" or "A".
  private static func rows(_ arguments: Arguments, of rowCount: Int) throws -> Range<Int>? {
    guard let text = arguments.string("--rows") else { return nil }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let first = parts[0].isEmpty ? (parts.count > 1 ? 0 : nil) : Int(parts[0])
    let end: Int? =
      if parts.count == 1 {
        first.flatMap { $0 < rowCount ? $0 + 1 : nil }
      } else if parts[1].isEmpty { rowCount } else { Int(parts[1]) }
    guard let first, let end, first >= 0, first < end, end <= rowCount else {
      throw UsageError(
        "inspect",
        "--rows: expected rows from 0 to \(rowCount), such as 0:\(min(4, rowCount)), found '\(text)'")
    }
    return first..<end
  }

  var json: JSONValue {
    var object: JSONObject = [
      "name": .string(tensor.name), "shape": .array(tensor.shape.map { .int($0) }),
      "scheme": .string(tensor.scheme), "group": tensor.group.map { .int($0) } ?? .null,
      "rows": [.int(rows.lowerBound), .int(rows.upperBound)],
      "framesRead": frames.map { .int($0.read) } ?? .null, "frames": frames.map { .int($0.all) } ?? .null,
      "statistics": [
        "minimum": .double(Double(statistics.minimum)), "maximum": .double(Double(statistics.maximum)),
        "mean": .double(statistics.mean), "rootMeanSquare": .double(statistics.rootMeanSquare),
        "zeroShare": .double(statistics.zeroShare),
      ],
    ]
    if let values {
      object["values"] = .array(
        (0..<rows.count).map { row in
          .array(values.buffer[row * columnCount..<(row + 1) * columnCount].map { .double(Double($0)) })
        })
    }
    return .object(object)
  }

  var text: String {
    let group = tensor.group.map { " g\($0)" } ?? ""
    let shape = tensor.shape.map(String.init).joined(separator: "x")
    var text = "\(tensor.name.visibleLine): \(shape), \(tensor.scheme)\(group)\n"
    if let frames { text += "frames read: \(frames.read) of \(frames.all)\n" }
    text += "rows \(rows.lowerBound):\(rows.upperBound): " + Self.line(statistics) + "\n"
    guard let values else { return text }
    for row in 0..<rows.count {
      let numbers = UnsafeBufferPointer(rebasing: values.buffer[row * columnCount..<(row + 1) * columnCount])
      let shown = numbers.prefix(Self.shownColumns).map { String(format: "%.6g", $0) }
      let more = columnCount > Self.shownColumns ? " …" : ""
      text += "row \(rows.lowerBound + row): \(shown.joined(separator: " "))\(more)\n"
    }
    return text
  }

  private static func line(_ values: Statistics) -> String {
    String(
      format: "minimum %.6g, maximum %.6g, mean %.6g, root mean square %.6g, zeros %.2f%%", values.minimum,
      values.maximum, values.mean, values.rootMeanSquare, 100 * values.zeroShare)
  }
}
