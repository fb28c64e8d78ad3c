import QuireFiles
import QuireModel
import QuireCheckpoints
package import QuireTensors

/// The upper triangle of a symmetric matrix, row by row without gaps: the form of a Gram matrix in a statistics
/// file.
package enum PackedTriangle {
  // bounded: the order of a matrix that is in memory or whose squares `StatisticsLayout` has checked
  package static func count(order: Int) -> Int { order * (order + 1) / 2 }

  /// Index of the entry in `row` and `column`. Precondition: column ≥ row.
  private static func index(_ row: Int, _ column: Int, order: Int) -> Int {
    // bounded: an index in the triangle
    row * order - row * (row - 1) / 2 + column - row
  }

  /// Indices of the diagonal entries.
  static func diagonalIndices(order: Int) -> some Sequence<Int> {
    (0..<order).lazy.map { index($0, $0, order: order) }
  }

  package static func pack(_ square: MatrixView<Float>) -> HostBuffer<Float> {
    // bounded: indices in the matrix
    let packed = HostBuffer<Float>(count: count(order: square.rows))
    for row in 0..<square.rows {
      (packed.pointer + index(row, row, order: square.rows)).update(
        from: square.row(row) + row, count: square.columns - row)
    }
    return packed
  }

  /// Both triangles of the rows and columns `inputs` (k'), ascending, of the matrix of `order`, with each row and
  /// column divided by a number; nil keeps all inputs, or does not divide.
  ///
  /// - Returns: (k', k')
  package static func unpack(
    _ packed: UnsafePointer<Float>, order: Int, inputs: [Int]? = nil, divisors: [Double]? = nil
  ) -> HostBuffer<Float> {
    // bounded: indices in the triangle and in a matrix of its order
    let inputs = inputs ?? Array(0..<order)
    let square = HostBuffer<Float>(count: inputs.count * inputs.count)
    for (line, row) in inputs.enumerated() {
      let target = square.pointer + line * inputs.count
      let source = packed + index(row, row, order: order) - row
      guard let divisors else {
        for column in line..<inputs.count { target[column] = source[inputs[column]] }
        continue
      }
      // Rounded once, as if the divided activations had been accumulated in float64.
      for column in line..<inputs.count {
        target[column] = Float(Double(source[inputs[column]]) / (divisors[line] * divisors[column]))
      }
    }
    DenseAlgebra.mirrorUpper(MatrixView(square, rows: inputs.count, columns: inputs.count))
    return square
  }
}
