package import QuireCalibration
import QuireFiles
import QuireModel
package import QuireTensors

/// The error of rounding to nearest in the output of the matrices at one site, under trial scales of their inputs:
/// `tr(D·H·Dᵀ)` with `D = Q(W·s)/s − W`, summed over the matrices.
///
/// Of a tall matrix evenly spaced rows are used: scales belong to the inputs, and a few hundred outputs rank them
/// as well as thousands.
// Unchecked: written once in init, read by the team.
package final class RoundingTrial: @unchecked Sendable {
  /// A band of rows of one matrix: the unit of work, so that the sums do not depend on the thread count.
  private struct Band {
    let weights: HostBuffer<Float>  // (row, k)
    let rows: Int
    let scales: RowScales
    /// The number of rows of the matrix that each of these represents.
    let weight: Double
  }

  private let bands: [Band]
  private let gram: GramMatrix
  private let compute: Compute

  package static let bandRows = 128
  /// The most rows of one matrix that are used.
  package static let sampledRows = 512

  package init(
    _ matrices: [(matrix: WeightMatrix, format: WeightFormat, importances: [Float]?)], gram: GramMatrix,
    compute: Compute
  ) {
    self.gram = gram
    self.compute = compute
    bands = matrices.flatMap { matrix, format, importances in
      precondition(
        gram.order % (format.group ?? gram.order) == 0, "groups do not divide \(gram.order) inputs")
      let count = min(matrix.rows, Self.sampledRows)
      let rows = (0..<count).map { $0 * matrix.rows / count }
      return stride(from: 0, to: count, by: Self.bandRows).map { start in
        let part = rows[start..<min(start + Self.bandRows, count)]
        let values = HostBuffer<Float>(count: part.count * gram.order)
        for (line, row) in part.enumerated() {
          matrix.dequantizeRow(row, into: values.pointer + line * gram.order, kernels: compute.kernels)
        }
        return Band(
          weights: values, rows: part.count,
          scales: RowScales(grid: CodeGrid(format), importances: importances),
          weight: Double(matrix.rows) / Double(count))
      }
    }
  }

  /// The mean squared output of the unchanged matrices.
  package var outputEnergy: Double {
    sum { band in self.energy(of: band.weights, rows: band.rows) }
  }

  /// The mean squared error of their output when they are rounded with input columns times `scales` (k); nil:
  /// without scales.
  package func error(scales: [Float]?) -> Double {
    sum { band in self.energy(of: self.difference(band, scales), rows: band.rows) }
  }

  private func sum(_ value: @escaping @Sendable (Band) -> Double) -> Double {
    let values = HostBuffer<Double>(count: bands.count)
    compute.team.run { thread, count in
      for index in ThreadTeam.range(of: bands.count, share: thread, count: count) {
        values.pointer[index] = bands[index].weight * value(bands[index])
      }
    }
    return values.buffer.reduce(0, +)
  }

  /// `Q(W·s)/s − W` (row, k).
  private func difference(_ band: Band, _ scales: [Float]?) -> HostBuffer<Float> {
    let columns = gram.order
    let result = HostBuffer<Float>(count: band.weights.count)
    let codes = HostBuffer<Int8>(count: columns)
    let grid = band.scales.grid
    let groupSize = grid.format.group ?? columns
    let steps = HostBuffer<GroupScale>(count: columns / groupSize)
    let factors = HostBuffer(scales ?? [Float](repeating: 1, count: columns))
    // Weighted by the scaled activations.
    let choice = RowScales(
      grid: grid,
      importances: band.scales.importances.map { zip($0, factors.buffer).map { $0 / ($1 * $1) } })
    for row in 0..<band.rows {
      let (source, target) = (band.weights.pointer + row * columns, result.pointer + row * columns)
      for column in 0..<columns { target[column] = source[column] * factors.pointer[column] }
      guard choice.choose(for: target, columns: columns, kernels: compute.kernels, into: steps.pointer) else {
        target.update(repeating: .nan, count: columns)
        continue
      }
      for group in 0..<(columns / groupSize) {
        let start = group * groupSize
        let step = steps.pointer[group]
        grid.encode(target + start, count: groupSize, step, into: codes.pointer + start)
        for column in start..<(start + groupSize) {
          let weight = grid.weight(of: codes.pointer[column], step)
          target[column] = weight / factors.pointer[column] - source[column]
        }
      }
    }
    return result
  }

  /// `tr(A·H·Aᵀ)` of rows A (row, k).
  private func energy(of rows: HostBuffer<Float>, rows count: Int) -> Double {
    let products = HostBuffer<Float>(count: rows.count)
    DenseAlgebra.multiply(
      MatrixView(rows, rows: count, columns: gram.order), gram.view,
      into: MatrixView(products, rows: count, columns: gram.order))
    return DenseAlgebra.dot(rows.pointer, products.pointer, count: rows.count)
  }
}
