import QuireCheckpoints
import QuireModel
import QuirePacks
package import QuireTensors

/// The values of one tensor of a model, some rows at a time. Of a pack only the frames with these rows are decompressed.
///
///     let rows = try StoredRows("lm_head.weight", of: source)
///     let values = try rows.read(100..<110, team: team)      // (10, rows.columnCount)
///
/// A norm is one row.
package struct StoredRows {
  package let rowCount: Int
  package let columnCount: Int
  private let source: ModelSource
  private let name: TensorName
  private let bands: MatrixBands?

  /// Checks the tensor's entry; reads no values.
  package init(_ name: String, of source: ModelSource) throws(ModelFileError) {
    let configuration = try source.configuration()
    guard let known = configuration.tensorNames.first(where: { $0.string == name }) else {
      throw .noTensor(path: source.path, name: name)
    }
    self.source = source
    self.name = known
    let shape = known.shape(in: configuration)
    guard !known.isNorm else {
      (rowCount, columnCount, bands) = (1, shape[0], nil)
      return
    }
    (rowCount, columnCount) = (shape[0], shape[1])
    let file: MatrixBands.Source =
      if let pack = source.pack { .pack(pack) } else {
        .checkpoint(try source.checkpoint(for: "its tensors"))
      }
    bands = try reading { () throws(ModelError) in try MatrixBands(known, of: configuration, in: file) }
  }

  /// Rows that are best read together.
  package var bandRows: Int { bands?.rows(of: 0).count ?? 1 }

  /// The values of some rows, dequantized: (row, column).
  package func read(_ rows: Range<Int>, team: ThreadTeam) throws(ModelFileError) -> HostBuffer<Float> {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows of the tensor")
    guard let bands else { return try norm(team: team) }
    let values = HostBuffer<Float>(count: rows.count * columnCount)
    guard !rows.isEmpty else { return values }
    let panelRows = QuantizedMatrix.panelRows
    let first = rows.lowerBound / panelRows * panelRows
    let matrix = try reading { () throws(ModelError) in
      try bands.read(rows: first..<rows.upperBound, team: team)
    }
    let kernels = Kernels(.portable)
    for row in rows {
      matrix.dequantizeRow(
        row - first, into: values.pointer + (row - rows.lowerBound) * columnCount, kernels: kernels)
    }
    return values
  }

  /// Number of the pack's frames that hold these rows, and of all frames of the tensor; nil for a checkpoint.
  package func frames(_ rows: Range<Int>) -> (read: Int, all: Int)? {
    guard let tensor = source.pack?.tensor(name.string) else { return nil }
    let isQuantized = tensor.stream(.codes) != nil
    let unit = isQuantized ? QuantizedMatrix.panelRows : 1
    let units = isQuantized ? QuantizedMatrix.panelCount(rows: rowCount) : rowCount
    let needed = rows.lowerBound / unit..<(rows.upperBound + unit - 1) / unit
    return tensor.streams.reduce((0, 0)) { sum, stream in
      let unitBytes = stream.rawBytes / units
      let range = needed.lowerBound * unitBytes..<needed.upperBound * unitBytes
      return (
        sum.0 + PackReader.framePositions(of: range, in: stream).count, sum.1 + stream.frameCount
      )
    }
  }

  private func norm(team: ThreadTeam) throws(ModelFileError) -> HostBuffer<Float> {
    guard let pack = source.pack else {
      let loader = try source.checkpoint(for: "its tensors")
      return try reading { () throws(ModelError) in try loader.norm(name, count: columnCount) }
    }
    return try reading { () throws(ModelError) in
      try PackWeights(pack, configuration: pack.modelConfiguration(), names: [name], team: team)
        .norm(name, count: columnCount)
    }
  }
}
