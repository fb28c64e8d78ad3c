import QuireCalibration
import QuireModel
import QuireTensors

// Coordinate descent on scales and codes after GPTQ. GPTQ fixes the scales beforehand and each code for good; here
// each is chosen again with all others as they are, so that no step increases the error of the output.
extension GPTQBand {
  /// Chooses scales and codes again, `rounds` times, for a smaller output error `tr(D·H·Dᵀ)`, `D = W − Ŵ`, H damped.
  ///
  /// With R = D·H, group by group: the least squares scale of levels ℓ is `s + (R·ℓ)/(ℓᵀ·H·ℓ)`; then, input by
  /// input, the best weight is `ŵⱼ + Rⱼ/Hⱼⱼ`, and its nearest code is the best code. R follows each change within a
  /// block of inputs, and after the block, by one product, everywhere.
  ///
  /// Formats with one scale per output channel keep their scales.
  func refit(_ gram: GramMatrix, damping: Float, rounds: Int, blockColumns: Int) {
    guard rounds > 0 else { return }
    let residual = residual(gram, damping: damping)
    for _ in 0..<rounds {
      for start in stride(from: 0, to: columns, by: blockColumns) {
        refit(start..<min(start + blockColumns, columns), residual, gram, damping: damping)
      }
    }
    measureErrors(residual)
  }

  /// `(W − Ŵ)·H` (row, column).
  private func residual(_ gram: GramMatrix, damping: Float) -> MatrixView<Float> {
    let difference = MatrixView(current, rows: rows, columns: columns)
    let residual = MatrixView(residuals, rows: rows, columns: columns)
    for row in 0..<rows {
      let (from, to) = (targets.pointer + row * columns, difference.row(row))
      copyWeights(row, 0..<columns, to: to)
      for column in 0..<columns { to[column] = from[column] - to[column] }
    }
    DenseAlgebra.multiply(difference, gram.view, into: residual)
    for row in 0..<rows {
      let (from, to) = (difference.row(row), residual.row(row))
      for column in 0..<columns { to[column] += damping * from[column] }
    }
    return residual
  }

  /// One block of inputs: its groups' scales and its codes.
  private func refit(
    _ block: Range<Int>, _ residual: MatrixView<Float>, _ gram: GramMatrix, damping: Float
  ) {
    let all = 0..<rows
    let delta = MatrixView(deltas, rows: rows, columns: block.count)
    for row in all { copyWeights(row, block, to: delta.row(row)) }
    for start in stride(from: block.lowerBound, to: block.upperBound, by: groupSize) {
      let group = start..<min(start + groupSize, block.upperBound)
      if groupSize <= block.count { refitScales(group, in: block, residual, gram, damping: damping) }
      for row in all { descend(row, group, in: block, residual.row(row), gram, damping: damping) }
    }
    let rounded = MatrixView(products, rows: rows, columns: block.count)
    for row in all {
      let (change, now) = (delta.row(row), rounded.row(row))
      copyWeights(row, block, to: now)
      for index in 0..<block.count { change[index] = now[index] - change[index] }
    }
    for rest in [0..<block.lowerBound, block.upperBound..<columns] where !rest.isEmpty {
      DenseAlgebra.multiply(
        delta, gram.view.block(rows: block, columns: rest), alpha: -1, beta: 1,
        into: residual.block(rows: all, columns: rest))
    }
  }

  /// The least squares scale of a group of inputs, for every row, where it is better after rounding to a value that
  /// exports represent.
  private func refitScales(
    _ group: Range<Int>, in block: Range<Int>, _ residual: MatrixView<Float>, _ gram: GramMatrix,
    damping: Float
  ) {
    let all = 0..<rows
    // ℓ and ℓᵀ·H of each row.
    let levels = MatrixView(levelValues, rows: rows, columns: group.count)
    let moved = MatrixView(products, rows: rows, columns: block.count)
    let index = group.lowerBound / groupSize
    for row in all {
      let (codes, to) = (codes.pointer + row * columns + group.lowerBound, levels.row(row))
      let unit = GroupScale(scale: 1, zero: scale(row, index).pointee.zero)
      for column in 0..<group.count { to[column] = grid.weight(of: codes[column], unit) }
    }
    DenseAlgebra.multiply(levels, gram.view.block(rows: group, columns: block), into: moved)
    for row in all {
      let (level, product) = (levels.row(row), moved.row(row))
      let (values, offset) = (residual.row(row) + block.lowerBound, group.lowerBound - block.lowerBound)
      var (gradient, curvature): (Float, Float) = (0, 0)
      for column in 0..<group.count {
        product[offset + column] += damping * level[column]
        gradient += level[column] * values[offset + column]
        curvature += level[column] * product[offset + column]
      }
      let scale = scale(row, index)
      let old = scale.pointee.scale
      guard old != 0, curvature > 0 else { continue }
      let best = old + gradient / curvature
      // A change of sign would need other codes.
      guard best.isFinite, best * old > 0 else { continue }
      let new = representableScale(abs(best)) * (old < 0 ? -1 : 1)
      let change = new - old
      guard change != 0, change * (2 * gradient - change * curvature) > 0 else { continue }
      scale.pointee.scale = new
      for column in 0..<block.count { values[column] -= change * product[column] }
    }
  }

  /// The best code of each input of a group in turn.
  private func descend(
    _ row: Int, _ group: Range<Int>, in block: Range<Int>, _ residual: UnsafeMutablePointer<Float>,
    _ gram: GramMatrix, damping: Float
  ) {
    let (codes, grid) = (codes.pointer + row * columns, grid)
    for column in group {
      let shared = scale(row, column / groupSize).pointee
      guard shared.scale != 0 else { continue }
      let across = gram.view.row(column)
      let curvature = across[column] + damping
      guard curvature > 0 else { continue }
      let old = grid.weight(of: codes[column], shared)
      let code = grid.code(of: old + residual[column] / curvature, shared)
      guard code != codes[column] else { continue }
      codes[column] = code
      let change = grid.weight(of: code, shared) - old
      for other in block { residual[other] -= change * across[other] }
      residual[column] -= change * damping
    }
  }

  /// Each row's squared output error, H damped: `Σ D·R`.
  private func measureErrors(_ residual: MatrixView<Float>) {
    for row in 0..<rows {
      let (values, products) = (targets.pointer + row * columns, residual.row(row))
      let rounded = current.pointer + row * columns
      copyWeights(row, 0..<columns, to: rounded)
      var sum = 0.0
      for column in 0..<columns {
        sum += Double(values[column] - rounded[column]) * Double(products[column])
      }
      errors.pointer[row] = max(0, sum)
    }
  }

  private func scale(_ row: Int, _ group: Int) -> UnsafeMutablePointer<GroupScale> {
    scales.pointer + row * (columns / groupSize) + group
  }

  /// Ŵ of one row and some inputs.
  private func copyWeights(_ row: Int, _ range: Range<Int>, to target: UnsafeMutablePointer<Float>) {
    let (grid, codes) = (grid, codes.pointer + row * columns)
    let (scales, size) = (scale(row, 0), groupSize)
    for column in range {
      target[column - range.lowerBound] = grid.weight(of: codes[column], scales[column / size])
    }
  }
}
