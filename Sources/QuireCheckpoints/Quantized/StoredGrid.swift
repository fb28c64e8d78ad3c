package import QuireTensors

/// The grid of some rows of a matrix of integers: weight = scale · (code − zero point), one scale and zero point for each
/// row and group of columns; of a non-linear scheme scale · level of the code.
package struct GridScales: Sendable {
  package let rows: Int
  package let columns: Int
  /// int4, int8, or nl4, whose zero points mean nothing.
  package let scheme: WeightFormat.Scheme
  package let groupCount: Int
  /// [rows, groups]; each is a code.
  package let zeros: [Int32]
  /// [rows, groups].
  package let scales: [Float]
  /// The group of each column, where they are not consecutive (GPTQ with `desc_act`).
  package let groupOfColumn: [Int32]?
}

/// Some rows of a matrix of integers.
package struct StoredGrid: Sendable {
  package let grid: GridScales
  /// Unsigned codes, [rows, columns].
  package let codes: HostBuffer<UInt8>

  package var rows: Int { grid.rows }

  /// All weights as float32, [rows, columns]: exactly those of the file, because a product of at most 9 by 11 bits
  /// (float16 scales) or 24 bits (float32 scales, rounded once) is one float32 operation.
  func values() -> HostBuffer<Float> {
    let (columns, groupCount) = (grid.columns, grid.groupCount)
    let (zeros, scales) = (grid.zeros, grid.scales)
    let result = HostBuffer<Float>(count: rows * columns)
    let width = columns / groupCount
    let levels = grid.scheme.levels.map(Float.init)
    for row in 0..<rows {
      let (source, target) = (codes.pointer + row * columns, result.pointer + row * columns)
      if let groupOfColumn = grid.groupOfColumn {
        for column in 0..<columns {
          let index = row * groupCount + Int(groupOfColumn[column])
          target[column] = scales[index] * Float(Int32(source[column]) - zeros[index])
        }
        continue
      }
      for group in 0..<groupCount {
        let (scale, zero) = (scales[row * groupCount + group], zeros[row * groupCount + group])
        for column in group * width..<(group + 1) * width {
          let value = levels.isEmpty ? Float(Int32(source[column]) - zero) : levels[Int(source[column])]
          target[column] = scale * value
        }
      }
    }
    return result
  }
}
