import QuireCalibration
import QuireModel
package import QuireTensors

/// The size of the weights of each input, over all matrices that read it.
package struct ColumnStatistics {
  /// Mean over all outputs of `|w| / (the largest |w| of its group + 10⁻⁶)`: AWQ's w̄ (k).
  package let meanShares: [Float]
  /// Largest magnitude (k).
  package let maxima: [Float]

  /// Rows of a thread at a time; sums are added in the order of these bands, whatever the thread count.
  private static let bandRows = 256

  /// Precondition: all matrices have the same inputs, and groups divide them.
  package init(_ matrices: [(matrix: WeightMatrix, format: WeightFormat)], _ compute: Compute) {
    let columns = matrices[0].matrix.columns
    var sums = [Double](repeating: 0, count: columns)
    var maxima = [Float](repeating: 0, count: columns)
    var rowCount = 0
    for (matrix, format) in matrices {
      precondition(matrix.columns == columns, "matrices at one site have the same inputs")
      precondition(columns % (format.group ?? columns) == 0, "groups do not divide \(columns) inputs")
      rowCount += matrix.rows
      let bandCount = (matrix.rows + Self.bandRows - 1) / Self.bandRows
      let bands = HostBuffer<Float>(count: bandCount * columns)
      let largest = HostBuffer<Float>(count: bandCount * columns)
      compute.team.run { thread, count in
        for band in ThreadTeam.range(of: bandCount, share: thread, count: count) {
          let rows = (band * Self.bandRows)..<min((band + 1) * Self.bandRows, matrix.rows)
          Self.add(
            matrix, rows: rows, groupSize: format.group ?? columns, kernels: compute.kernels,
            to: bands.pointer + band * columns, largest.pointer + band * columns)
        }
      }
      for band in 0..<bandCount {
        for column in 0..<columns {
          sums[column] += Double(bands.pointer[band * columns + column])
          maxima[column] = max(maxima[column], largest.pointer[band * columns + column])
        }
      }
    }
    meanShares = sums.map { Float($0 / Double(max(1, rowCount))) }
    self.maxima = maxima
  }

  private static func add(
    _ matrix: WeightMatrix, rows: Range<Int>, groupSize: Int, kernels: Kernels,
    to sums: UnsafeMutablePointer<Float>, _ maxima: UnsafeMutablePointer<Float>
  ) {
    let values = HostBuffer<Float>(count: matrix.columns)
    for row in rows {
      matrix.dequantizeRow(row, into: values.pointer, kernels: kernels)
      for start in stride(from: 0, to: matrix.columns, by: groupSize) {
        let share = 1 / (CodeGrid.largestMagnitude(values.pointer + start, count: groupSize) + 1e-6)
        for column in start..<(start + groupSize) {
          let magnitude = abs(values.pointer[column])
          sums[column] += magnitude * share
          maxima[column] = maxima[column] < magnitude ? magnitude : maxima[column]
        }
      }
    }
  }
}
