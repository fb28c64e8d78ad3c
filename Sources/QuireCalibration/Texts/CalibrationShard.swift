/// One of several parts of a calibration set's windows, to be collected on a machine of its own.
///
///     let shard = CalibrationShard("2/3")     // the windows 2, 5, 8, …
///
/// The windows are cut out of the whole text first, so every machine cuts the same ones, and none is in two shards.
package struct CalibrationShard: Sendable, Equatable {
  /// 1…count
  package let index: Int
  package let count: Int

  package static let countMax = 10_000

  /// nil unless 1 ≤ `index` ≤ `count` ≤ `countMax`.
  package init?(index: Int, count: Int) {
    guard index >= 1, index <= count, count <= Self.countMax else { return nil }
    self.index = index
    self.count = count
  }

  /// Reads `I/N`; nil for anything else.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let index = Int(parts[0]), let count = Int(parts[1]) else { return nil }
    self.init(index: index, count: count)
  }

  package var text: String { "\(index)/\(count)" }
}

extension CalibrationSet {
  /// The windows of one shard. Throws when there are more shards than windows.
  package func windows(of shard: CalibrationShard) throws(CalibrationError) -> CalibrationSet {
    guard shard.count <= windows.count else {
      throw .text(
        source: sourceName,
        problem: "gives \(windows.count) window\(windows.count == 1 ? "" : "s"), but --shard asks for "
          + "\(shard.count) shards; ask for at most one for each window")
    }
    let own = stride(from: shard.index - 1, to: windows.count, by: shard.count).map { windows[$0] }
    return CalibrationSet(windows: own, sourceName: sourceName)
  }
}
