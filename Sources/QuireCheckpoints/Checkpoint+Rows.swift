import QuireTensors

extension Checkpoint {
  /// Reads some rows of a matrix of this shape, [rows, columns], so that a large one need not be in memory as a
  /// whole.
  ///
  /// Throws as `tensor` does. The values of other rows are not checked.
  package func rows(
    _ rows: Range<Int>, of name: String, shape: [Int]
  ) throws(CheckpointError) -> TensorView {
    precondition(shape.count == 2 && rows.lowerBound >= 0 && rows.upperBound <= shape[0], "rows of a matrix")
    let record = try check(name, shape: shape)
    if let matrix = encoded[name] { return try view(matrix, rows, noting: nil) }
    let (file, _) = try find(name)
    // bounded: a part of the tensor's range, which is in the file
    let rowBytes = shape[1] * record.element.byteCount
    let start = record.range.lowerBound + rows.lowerBound * rowBytes
    let end = start + rows.count * rowBytes

    let part = TensorRecord(
      name: name, element: record.element, shape: [rows.count, shape[1]], file: record.file,
      range: start..<end)
    return try file.read(part).view
  }
}
