import QuireCalibration
import QuireFiles
import QuireModel
package import QuireTensors

/// Rounds every weight of a matrix to the nearest code of its group.
///
///     let result = try NearestQuantizer(.int4(group: 128)).quantize(weights, named: "lm_head.weight", compute)
///
/// Processes bands of rows, so that besides the result each thread holds only one band. Deterministic: each row is
/// rounded on its own, so the result does not depend on the thread count.
package struct NearestQuantizer: Sendable {
  package let grid: CodeGrid
  private let rowScales: RowScales

  /// Rows of a thread at a time: whole panels, and few enough for its codes to stay in cache.
  package static let bandRows = 64

  /// - Parameter importances: for scales that minimize the squared error, the weight of each input in it (column);
  ///   nil puts the largest weight of each group on the largest code.
  package init(_ format: WeightFormat, importances: [Float]? = nil) {
    grid = CodeGrid(format)
    rowScales = RowScales(grid: grid, importances: importances)
  }

  /// A quantized matrix and its rounding errors.
  package struct Result: Sendable {
    package let matrix: QuantizedMatrix
    /// Root mean square error relative to the root mean square of the weights.
    package let relativeError: Double
  }

  /// Quantizes `weights`; throws when a weight is NaN, infinite or too large, or when the format does not fit the width.
  package func quantize(
    _ weights: WeightMatrix, named name: String, _ compute: Compute
  ) throws(OptimizationError) -> Result {
    let (rows, columns, format) = (weights.rows, weights.columns, grid.format)
    precondition(rowScales.importances.map { $0.count == columns } ?? true, "an importance for each input")
    do throws(TensorError) { try format.validate(columns: columns, name: name) } catch {
      throw .tensor(error)
    }
    let output = MatrixAssembly(rows: rows, columns: columns, format: format)
    let bands = (rows + Self.bandRows - 1) / Self.bandRows
    compute.team.run { thread, count in
      for band in ThreadTeam.range(of: bands, share: thread, count: count) {
        let range = (band * Self.bandRows)..<min((band + 1) * Self.bandRows, rows)
        quantize(weights, rows: range, kernels: compute.kernels, into: output)
      }
    }
    let cost = output.cost
    guard cost.squaredWeights.isFinite else { throw grid.refusal(of: weights, named: name, compute.kernels) }
    return Result(matrix: output.matrix, relativeError: cost.relativeError)
  }

  /// Quantizes a band of rows that begins on a panel.
  private func quantize(
    _ weights: WeightMatrix, rows: Range<Int>, kernels: Kernels, into output: MatrixAssembly
  ) {
    let columns = weights.columns
    let groups = columns / (grid.format.group ?? columns)
    let row = HostBuffer<Float>(count: columns)
    let codes = HostBuffer<Int8>(count: rows.count * columns)  // (row, column)
    let scales = HostBuffer<GroupScale>(count: rows.count * groups)  // (row, group)
    for (line, index) in rows.enumerated() {
      weights.dequantizeRow(index, into: row.pointer, kernels: kernels)
      output.rowCosts.pointer[index] = quantizeRow(
        row.pointer, columns: columns, kernels: kernels, codes: codes.pointer + line * columns,
        scales: scales.pointer + line * groups)
    }
    output.store(codes, scales, rows: rows)
  }

  /// One row: a scale for each group, then codes. The cost is infinite when a weight is not finite.
  private func quantizeRow(
    _ row: UnsafePointer<Float>, columns: Int, kernels: Kernels, codes: UnsafeMutablePointer<Int8>,
    scales: UnsafeMutablePointer<GroupScale>
  ) -> RoundingCost {
    guard rowScales.choose(for: row, columns: columns, kernels: kernels, into: scales) else {
      return RoundingCost(squaredWeights: .infinity)
    }
    let groupSize = grid.format.group ?? columns
    var cost = RoundingCost()
    for group in 0..<(columns / groupSize) {
      let weights = row + group * groupSize
      grid.encode(weights, count: groupSize, scales[group], into: codes + group * groupSize)
      cost.add(weights, codes + group * groupSize, count: groupSize, scales[group], grid)
    }
    return cost
  }
}
