import QuireFiles
import QuireModel
import QuireCheckpoints
package import QuireTensors

/// The upper triangle of a symmetric matrix, row after row without gaps: what a statistics file holds of a Gram matrix.
package enum PackedTriangle {
  // bounded: the order of a matrix that is in memory or whose squares `StatisticsLayout` has checked
  package static func count(order: Int) -> Int { order * (order + 1) / 2 }

  /// Place of the entry in `row` and `column`, of which the column is not smaller.
  private static func place(_ row: Int, _ column: Int, order: Int) -> Int {
    // bounded: a place in the triangle
    row * order - row * (row - 1) / 2 + column - row
  }

  /// Places of the diagonal entries.
  static func diagonalPlaces(order: Int) -> some Sequence<Int> {
    (0..<order).lazy.map { place($0, $0, order: order) }
  }

  package static func pack(_ square: MatrixView<Float>) -> HostBuffer<Float> {
    // bounded: places in the matrix
    let packed = HostBuffer<Float>(count: count(order: square.rows))
    for row in 0..<square.rows {
      (packed.pointer + place(row, row, order: square.rows)).update(
        from: square.row(row) + row, count: square.columns - row)
    }
    return packed
  }

  /// Both triangles of the rows and columns `inputs` (k'), ascending, of the matrix of `order`, each row and column
  /// divided by a number; nil leaves out either.
  ///
  /// - Returns: (k', k')
  package static func unpack(
    _ packed: UnsafePointer<Float>, order: Int, inputs: [Int]? = nil, divisors: [Double]? = nil
  ) -> HostBuffer<Float> {
    // bounded: places in the triangle and in a matrix of its order
    let inputs = inputs ?? Array(0..<order)
    let square = HostBuffer<Float>(count: inputs.count * inputs.count)
    for (line, row) in inputs.enumerated() {
      let target = square.pointer + line * inputs.count
      let source = packed + place(row, row, order: order) - row
      guard let divisors else {
        for place in line..<inputs.count { target[place] = source[inputs[place]] }
        continue
      }
      // One rounding, as if the activations had been divided without any.
      for place in line..<inputs.count {
        target[place] = Float(Double(source[inputs[place]]) / (divisors[line] * divisors[place]))
      }
    }
    DenseAlgebra.mirrorUpper(MatrixView(square, rows: inputs.count, columns: inputs.count))
    return square
  }
}
