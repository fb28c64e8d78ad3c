import QuireCalibration
import QuireFiles
import QuireModel
package import QuireTensors

/// Removes input columns of one matrix so that its output on given activations changes least.
///
/// For `y = W·x` with the Gram matrix `H = XᵀX/N` of the inputs, dropping the columns P and refitting the rest
/// costs `E(P) = tr(W_P ([H⁻¹]_PP)⁻¹ W_Pᵀ)` of mean squared output error, and the refit is `W_S ← W_S + W_P H_PS
/// H_SS⁻¹` (optimal brain surgeon for column blocks; SlimGPT, arXiv 2412.18110). After each removal `H⁻¹` and `W`
/// are down-dated, so that the next error is the additional one and the errors of successive removals add up to
/// that of all of them together.
///
///     let pruner = LeastSquaresPruner(weights: w, gram: h)
///     let costs = heads.map { pruner.error(ofRemoving: $0) }
///     pruner.remove(heads[cheapest])
///     pruner.repairedWeights(keeping: rest, into: w2)
///
/// Everything in float64: H is nearly singular wherever heads are redundant, which are the heads to prune.
package final class LeastSquaresPruner {
  /// Output channels m and input columns n of the matrix.
  package let rows: Int
  package let columns: Int
  /// The value that was added to the diagonal of H, as a share of its mean.
  package let damping: Double

  private let original: MatrixView<Float>  // (m, n), the caller's
  private let gram: HostBuffer<Double>  // H, damped (n, n)
  private let inverse: HostBuffer<Double>  // H⁻¹ of the columns still there (n, n)
  private let current: HostBuffer<Double>  // W refitted so far (m, n)
  private var isRemoved: [Bool]  // (n)

  /// Inverts the Gram matrix with as much damping as it needs.
  ///
  /// - Parameters:
  ///   - weights: W (m, n); must outlive the pruner
  ///   - gram: H (n, n), symmetric, both triangles
  /// - Returns: nil when no damping helps, that is, when H holds a NaN or an infinity.
  package init?(
    weights: MatrixView<Float>, gram: MatrixView<Float>, damping: Double = DampedGram.standardShare
  ) {
    precondition(gram.rows == weights.columns && gram.columns == weights.columns, "H must be (n, n)")
    rows = weights.rows
    columns = weights.columns
    original = weights
    self.gram = HostBuffer(count: columns * columns)
    inverse = HostBuffer(count: columns * columns)
    current = HostBuffer(count: rows * columns)
    isRemoved = Array(repeating: false, count: columns)
    guard
      let used = Self.invert(
        gram, damping: damping, damped: MatrixView(self.gram, rows: columns, columns: columns),
        inverse: MatrixView(inverse, rows: columns, columns: columns))
    else { return nil }
    self.damping = used
    let copy = MatrixView(current, rows: rows, columns: columns)
    for row in 0..<rows {
      let (source, target) = (weights.row(row), copy.row(row))
      for column in 0..<columns { target[column] = Double(source[column]) }
    }
  }

  /// Mean squared output error that removing `block` adds when the rest is refitted.
  package func error(ofRemoving block: [Int]) -> Double {
    let scaled = scaledWeights(of: block).scaled
    return (0..<scaled.count).reduce(0.0) { $0 + scaled.pointer[$1] * scaled.pointer[$1] }
  }

  /// The same for each single column, `|W_j|²/[H⁻¹]_jj`; infinite for removed columns.
  package func columnErrors() -> [Double] {
    var squares = [Double](repeating: 0, count: columns)
    for row in 0..<rows {
      let values = current.pointer + row * columns
      for column in 0..<columns { squares[column] += values[column] * values[column] }
    }
    return squares.indices.map {
      isRemoved[$0] ? .infinity : squares[$0] / inverse.pointer[$0 * columns + $0]
    }
  }

  /// Mean squared output error of dropping `block` from the original matrix without refitting: `tr(W_P H_PP W_Pᵀ)`.
  package func errorUnrepaired(ofRemoving block: [Int]) -> Double {
    let square = gathered(gram, block, block)
    return energy(of: block, gram: MatrixView(square, rows: block.count, columns: block.count))
  }

  /// Mean squared output of the original matrix, which errors are relative to.
  package func outputEnergy() -> Double {
    energy(of: Array(0..<columns), gram: MatrixView(gram, rows: columns, columns: columns))
  }

  /// Removes `block`: down-dates `H⁻¹` and refits the rest.
  package func remove(_ block: [Int]) {
    precondition(block.allSatisfy { !isRemoved[$0] }, "a column can be removed only once")
    let (scaled, factor) = scaledWeights(of: block)
    let count = block.count
    let across = gathered(inverse, block, Array(0..<columns))  // [H⁻¹]_P: (p, n)
    let acrossView = MatrixView(across, rows: count, columns: columns)
    DenseAlgebra.solveTriangular(
      .upperTransposedTimesColumns, factor: MatrixView(factor, rows: count, columns: count),
      right: acrossView)
    DenseAlgebra.subtractGram(of: acrossView, from: MatrixView(inverse, rows: columns, columns: columns))
    DenseAlgebra.multiply(
      MatrixView(scaled, rows: rows, columns: count), acrossView, alpha: -1, beta: 1,
      into: MatrixView(current, rows: rows, columns: columns))
    for column in block { isRemoved[column] = true }
  }

  /// The kept columns of W refitted in one solve from the original matrix, `W_S + W_P H_PS H_SS⁻¹`.
  ///
  /// - Parameters:
  ///   - kept: S, the columns that were not removed, ascending
  ///   - result: (m, s)
  package func repairedWeights(keeping kept: [Int], into result: MatrixView<Float>) {
    precondition(result.rows == rows && result.columns == kept.count, "the result must be (m, s)")
    let dropped = isRemoved.indices.filter { isRemoved[$0] }
    precondition(kept.count + dropped.count == columns, "kept and removed columns must make up W")
    let square = gathered(gram, kept, kept)  // H_SS (s, s)
    let squareView = MatrixView(square, rows: kept.count, columns: kept.count)
    precondition(DenseAlgebra.factorCholesky(squareView), "a part of a positive definite matrix is one")
    let across = gathered(gram, dropped, kept)  // H_PS (p, s)
    let right = HostBuffer<Double>(count: rows * kept.count)  // W_P H_PS, then times H_SS⁻¹ (m, s)
    let rightView = MatrixView(right, rows: rows, columns: kept.count)
    let part = HostBuffer<Double>(count: rows * dropped.count)  // W_P (m, p)
    let partView = MatrixView(part, rows: rows, columns: dropped.count)
    copyOriginal(rows: 0..<rows, columns: dropped, into: partView)
    DenseAlgebra.multiply(
      partView, MatrixView(across, rows: dropped.count, columns: kept.count), into: rightView)
    DenseAlgebra.solve(rowsTimesFactored: squareView, right: rightView)
    for row in 0..<rows {
      let (source, correction, target) = (original.row(row), rightView.row(row), result.row(row))
      for (index, column) in kept.enumerated() {
        target[index] = Float(Double(source[column]) + correction[index])
      }
    }
  }

  /// `tr(W_P H_PP W_Pᵀ)` a panel of rows at a time, so that no second copy of W is held.
  private func energy(of block: [Int], gram square: MatrixView<Double>) -> Double {
    let panelRows = 256
    let part = HostBuffer<Double>(count: panelRows * block.count)
    let product = HostBuffer<Double>(count: panelRows * block.count)
    var sum = 0.0
    for start in stride(from: 0, to: rows, by: panelRows) {
      let range = start..<min(start + panelRows, rows)
      let partView = MatrixView(part, rows: range.count, columns: block.count)
      copyOriginal(rows: range, columns: block, into: partView)
      DenseAlgebra.multiply(
        partView, square, into: MatrixView(product, rows: range.count, columns: block.count))
      for index in 0..<(range.count * block.count) { sum += part.pointer[index] * product.pointer[index] }
    }
    return sum
  }

  /// The given rows and columns of the original W.
  private func copyOriginal(rows: Range<Int>, columns: [Int], into target: MatrixView<Double>) {
    for (line, row) in rows.enumerated() {
      let source = original.row(row)
      let to = target.row(line)
      for (index, column) in columns.enumerated() { to[index] = Double(source[column]) }
    }
  }

  /// `W_P·U⁻¹` (m, p) with `[H⁻¹]_PP = Uᵀ·U`, whose squared norm is the error; and the factor U.
  private func scaledWeights(of block: [Int]) -> (scaled: HostBuffer<Double>, factor: HostBuffer<Double>) {
    let count = block.count
    let factor = gathered(inverse, block, block)
    let factorView = MatrixView(factor, rows: count, columns: count)
    precondition(DenseAlgebra.factorCholesky(factorView), "a part of a positive definite matrix is one")
    let scaled = HostBuffer<Double>(count: rows * count)
    let scaledView = MatrixView(scaled, rows: rows, columns: count)
    let from = MatrixView(current, rows: rows, columns: columns)
    for row in 0..<rows {
      let (source, target) = (from.row(row), scaledView.row(row))
      for (index, column) in block.enumerated() { target[index] = source[column] }
    }
    DenseAlgebra.solveTriangular(.rowsTimesUpper, factor: factorView, right: scaledView)
    return (scaled, factor)
  }

  /// The given rows and columns of a square matrix (n, n).
  private func gathered(_ matrix: HostBuffer<Double>, _ rows: [Int], _ columns: [Int]) -> HostBuffer<Double> {
    let result = HostBuffer<Double>(count: rows.count * columns.count)
    for (index, row) in rows.enumerated() {
      let source = matrix.pointer + row * self.columns
      let target = result.pointer + index * columns.count
      for (offset, column) in columns.enumerated() { target[offset] = source[column] }
    }
    return result
  }

  /// Fills `damped` and `inverse`; returns the damping used, nil when none is enough.
  private static func invert(
    _ gram: MatrixView<Float>, damping: Double, damped: MatrixView<Double>, inverse: MatrixView<Double>
  ) -> Double? {
    let order = gram.rows
    guard order > 0 else { return damping }
    let mean = (0..<order).reduce(0.0) { $0 + Double(gram[$1, $1]) } / Double(order)
    let found = DampedGram(mean: mean, share: damping) { added in
      for row in 0..<order {
        let (source, target) = (gram.row(row), damped.row(row))
        for column in 0..<order { target[column] = Double(source[column]) }
        target[row] += added
      }
      for row in 0..<order {
        inverse.row(row).update(from: damped.row(row), count: order)
      }
      return DenseAlgebra.invertSymmetric(inverse)
    }
    return found?.share
  }
}
