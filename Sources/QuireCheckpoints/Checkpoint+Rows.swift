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
    try check(name, shape: shape)
    if let matrix = encoded[name] { return try adapted(view(matrix, rows, noting: nil), rows: rows) }
    let (file, record) = try find(name)
    return try adapted(file.readRows(rows, of: record), rows: rows)
  }
}
