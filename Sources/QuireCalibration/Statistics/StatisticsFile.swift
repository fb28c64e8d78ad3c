import QuireFiles
import QuireCheckpoints
package import QuireModel
import QuireTensors

/// A file of statistics, collected once by `quire calibrate`.
///
///     let file = try StatisticsFile(path: "s.safetensors")
///     try file.check(belongsTo: loader)
///     let gram = try file.layer(3).gram(at: .mlpInput, of: layer)
///
/// Opening it checks everything but the values; those of a tensor are checked against its hash when it is read,
/// before they are returned. Holds no values itself.
package final class StatisticsFile: Sendable {
  package let path: String
  package let origin: StatisticsOrigin
  package let layout: StatisticsLayout
  /// Identifies this file by its contents, whatever its path.
  package let identity: String
  private let file: SafetensorsFile
  private let hashes: [UInt64]  // of the header, then of each tensor

  package init(path: String) throws(CalibrationError) {
    self.path = path
    file = try Self.reading(path) { () throws(CheckpointError) in try SafetensorsFile(path: path) }
    origin = try StatisticsOrigin(metadata: file.metadata, path: path)
    guard let layout = StatisticsLayout(file.records),
      file.records.elementsEqual(
        layout.tensors,
        by: { $0.name == $1.name && $0.element == $1.element && $0.shape == $1.shape }),
      let table = file.records.last
    else { throw .statistics(path: path, problem: StatisticsOrigin.damaged) }
    self.layout = layout
    let file = file
    let (view, _) = try Self.reading(path) { () throws(CheckpointError) in try file.read(table) }
    (hashes, identity) = withExtendedLifetime(view) {
      (
        view.bytes.bindMemory(to: UInt64.self).map(UInt64.init(littleEndian:)),
        ContentHash.hexadecimal(ContentHash.of(view.bytes))
      )
    }
    let header = try Self.reading(path) { () throws(CheckpointError) in try file.headerHash() }
    guard header == hashes[0] else { throw .statistics(path: path, problem: StatisticsOrigin.damaged) }
  }

  /// Refuses a file that was collected on other weights.
  package func check(belongsTo loader: LayerLoader) throws(CalibrationError) {
    guard layout == StatisticsLayout(loader.configuration) else {
      throw .statistics(
        path: path,
        problem:
          "is of a model of another shape: expected \(Self.shape(StatisticsLayout(loader.configuration))) "
          + "as \(loader.checkpoint.folder) has, found \(Self.shape(layout)); "
          + "collect statistics of this checkpoint with quire calibrate")
    }
    guard origin.checkpoint == (try StatisticsOrigin.fingerprint(loader)) else {
      throw .statistics(
        path: path,
        problem: "was collected on other weights than those of \(loader.checkpoint.folder); "
          + "collect statistics of this checkpoint with quire calibrate")
    }
  }

  static func shape(_ layout: StatisticsLayout) -> String {
    let widths = ActivationSite.allCases.map { "\(layout.widths[0][$0] ?? 0)" }.joined(separator: ", ")
    return "\(layout.widths.count) layers with inputs of \(widths)"
  }

  /// Reads a tensor; checks that its values are finite, and not negative where they cannot be.
  func read<Result>(
    _ entry: StatisticsLayout.Entry, _ body: (UnsafeBufferPointer<Float>) -> Result
  ) throws(CalibrationError) -> Result {
    guard let index = file.records.firstIndex(where: { $0.name == entry.name }) else {
      preconditionFailure("the layout has the tensor")
    }
    let (view, hash) = try Self.reading(path) { () throws(CheckpointError) in
      // Flipped bits may produce a NaN: the hash is checked first.
      try file.read(file.records[index], hashing: true, checking: false)
    }
    guard hash == hashes.dropFirst(index + 1).first else {  // bounded: an index of the file's tensors
      throw .statistics(path: path, problem: "is damaged at \(entry.name); copy it again or collect it again")
    }
    // `view` owns the bytes.
    return try withExtendedLifetime(view) { () throws(CalibrationError) in
      let values = view.bytes.bindMemory(to: Float.self)
      guard isSound(values, entry) else {
        throw .statistics(
          path: path,
          problem: "has a NaN, an infinity or a negative mean square at \(entry.name); "
            + "check the checkpoint's files and collect it again")
      }
      return body(values)
    }
  }

  private func isSound(_ values: UnsafeBufferPointer<Float>, _ entry: StatisticsLayout.Entry) -> Bool {
    // Zero times anything finite is zero.
    var zeros: Float = 0
    for value in values { zeros += value * 0 }  // bounded: floats
    guard zeros == 0 else { return false }
    guard case .part(.gram, let site, let layer) = entry else { return values.allSatisfy { $0 >= 0 } }
    let order = layout.widths[layer][site] ?? 0
    return PackedTriangle.diagonalIndices(order: order).allSatisfy { values[$0] >= 0 }
  }

  /// Turns a safetensors error into a statistics error.
  private static func reading<Value>(
    _ path: String, _ body: () throws(CheckpointError) -> Value
  ) throws(CalibrationError) -> Value {
    do throws(CheckpointError) {
      return try body()
    } catch {
      switch error {
      case .unreadable(_, let reason):
        throw .statistics(path: path, problem: "cannot be read: \(reason); check the path")
      case .malformed(_, let expected, let found):
        throw .statistics(
          path: path,
          problem: "is damaged or of another kind: expected \(expected), found \(found); "
            + "copy it again, or collect it again with quire calibrate")
      default: throw .checkpoint(error)
      }
    }
  }
}
