package import QuireCalibration
import QuireFiles
import QuireModel
package import QuireTensors

/// How the inputs solved later compensate the rounding error of one input of a matrix.
///
/// The upper triangular U with `(H + λI)⁻¹ = Uᵀ·U`, rows and columns of H in the order of falling mean square: an
/// input solved earlier can be compensated by more others. `U[j, j...] / U[j, j]` is the change of the inputs from
/// j on when input j changes by one (GPTQ, arXiv 2210.17323, section 3). Matrices with the same inputs share the
/// factor.
///
/// U comes from one Cholesky factorization of H in reverse order, `H = R·Rᵀ`, and `U = R⁻¹`; H is never inverted.
/// Computed in float64, because H is nearly singular wherever inputs are correlated; kept in float32.
package struct InverseFactor: Sendable {
  /// The inputs in the order in which they are solved.
  package let solvingOrder: [Int]  // (k)
  /// The value that was added to the diagonal of H, as a share of its mean.
  package let damping: Double
  package let values: HostBuffer<Float>  // U, upper triangle (k, k); zero below

  package var order: Int { solvingOrder.count }
  package var view: MatrixView<Float> { MatrixView(values, rows: order, columns: order) }
  /// The value that was added to the mean square of each input.
  package let dampingValue: Double

  /// Factors H with as much damping as it needs.
  ///
  /// Returns nil when no damping is enough, or H holds a NaN or an infinity.
  ///
  /// - Parameter team: divides the work on large matrices; the bits do not depend on it.
  package init?(
    _ gram: GramMatrix, damping: Double = DampedGram.standardShare,
    team: ThreadTeam = ThreadTeam(threadCount: 1)
  ) {
    let diagonal = gram.diagonal
    guard diagonal.allSatisfy({ $0 >= 0 }) else { return nil }
    let order = Self.solvingOrder(diagonal)
    let work = HostBuffer<Double>(count: gram.order * gram.order)
    let view = MatrixView(work, rows: gram.order, columns: gram.order)
    let damped = DampedGram(mean: gram.meanDiagonal, share: damping) { added in
      Self.fill(view, from: gram, backwardsIn: order, adding: added, team)
      return DenseAlgebra.factorCholesky(view, team: team)
    }
    guard let damped else { return nil }
    Self.invertUpper(view, team)
    let values = Self.turned(view)
    guard values.buffer.allSatisfy(\.isFinite) else { return nil }
    solvingOrder = order
    self.values = values
    self.damping = damped.share
    dampingValue = damped.added
  }

  /// Inputs by falling mean square; equal ones in their own order.
  private static func solvingOrder(_ diagonal: [Float]) -> [Int] {
    diagonal.indices.sorted {
      diagonal[$0] != diagonal[$1] ? diagonal[$0] > diagonal[$1] : $0 < $1
    }
  }

  /// `target[i, j] = H[order[k−1−i], order[k−1−j]]`, with `adding` on the diagonal.
  private static func fill(
    _ target: MatrixView<Double>, from gram: GramMatrix, backwardsIn order: [Int], adding: Double,
    _ team: ThreadTeam
  ) {
    let source = gram.view
    let backwards = Array(order.reversed())
    team.run { thread, count in
      for row in ThreadTeam.range(of: backwards.count, share: thread, count: count) {
        let (from, to) = (source.row(backwards[row]), target.row(row))
        for (index, column) in backwards.enumerated() { to[index] = Double(from[column]) }
        to[row] += adding
      }
    }
  }

  /// Replaces an upper triangular matrix by its inverse: first its two halves, then the block that connects them,
  /// `[A B; 0 C]⁻¹ = [A⁻¹ −A⁻¹BC⁻¹; 0 C⁻¹]`. Entries below the diagonal are ignored and become zero.
  private static func invertUpper(_ matrix: MatrixView<Double>, _ team: ThreadTeam) {
    let smallest = 64
    guard matrix.rows > smallest else { return invertSmallUpper(matrix) }
    let half = matrix.rows / 2
    let (first, second) = (0..<half, half..<matrix.rows)
    let upper = matrix.block(rows: first, columns: first)
    let lower = matrix.block(rows: second, columns: second)
    let across = matrix.block(rows: first, columns: second)
    let isLarge = matrix.rows > DenseAlgebra.teamOrderMin
    if isLarge {
      DenseAlgebra.solve(rowsTimesUpper: lower, right: across, team: team)
    } else {
      DenseAlgebra.solveTriangular(.rowsTimesUpper, factor: lower, right: across)
    }
    invertUpper(upper, team)
    invertUpper(lower, team)
    let copy = HostBuffer<Double>(count: across.rows * across.columns)
    for row in 0..<across.rows {
      (copy.pointer + row * across.columns).update(from: across.row(row), count: across.columns)
    }
    let right = MatrixView(copy, rows: across.rows, columns: across.columns)
    if isLarge {
      DenseAlgebra.multiply(negatedUpper: upper, right, into: across, team: team)
    } else {
      DenseAlgebra.multiply(upper, right, alpha: -1, into: across)
    }
    for row in second { matrix.row(row).update(repeating: 0, count: half) }
  }

  /// By solving `X·U = I`.
  private static func invertSmallUpper(_ matrix: MatrixView<Double>) {
    let count = matrix.rows
    let identity = HostBuffer<Double>(count: count * count)
    for index in 0..<count { identity.pointer[index * count + index] = 1 }
    let view = MatrixView(identity, rows: count, columns: count)
    DenseAlgebra.solveTriangular(.rowsTimesUpper, factor: matrix, right: view)
    for row in 0..<count { matrix.row(row).update(from: view.row(row), count: count) }
  }

  /// `result[i, j] = inverse[k−1−j, k−1−i]` for i ≤ j, zero below.
  private static func turned(_ inverse: MatrixView<Double>) -> HostBuffer<Float> {
    let count = inverse.rows
    let result = HostBuffer<Float>(count: count * count)
    guard count > 0 else { return result }
    let edge = 64  // both tiles of a pair stay in cache
    // Plain pointers: a view's subscript is a call into another module for every element.
    let (target, last, step) = (result.pointer, inverse.row(count - 1) + count - 1, inverse.stride)
    for rowTile in stride(from: 0, to: count, by: edge) {
      for columnTile in stride(from: rowTile, to: count, by: edge) {
        for row in rowTile..<min(rowTile + edge, count) {
          for column in max(row, columnTile)..<min(columnTile + edge, count) {
            target[row * count + column] = Float(last[-column * step - row])
          }
        }
      }
    }
    return result
  }
}
