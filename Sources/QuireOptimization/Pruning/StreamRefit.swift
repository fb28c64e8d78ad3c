package import QuireCalibration
import QuireFiles
import QuireModel
package import QuireTensors

/// Refits a matrix so that the hidden states after it approach those of the unpruned model.
///
/// Least squares on the pruned model's inputs alone reproduces the matrix's former output for these inputs, and so
/// passes on the error of earlier layers. Here the target T is the *unpruned* model's hidden states after the
/// matrix minus the pruned model's before it, as in asymmetric calibration for GPTQ (GPTAQ, arXiv 2504.02692). With
/// `C = TᵀX/N` and H of the inputs, W the matrix before pruning and V₀ its plain refit to the kept columns S:
///
///     V = V₀ + share · (C − W·H)_S · (H_SS + damping·mean(diag H_SS))⁻¹
///
/// `C − W·H` is the correlation of the residual with the inputs: where both models have equal states it is zero,
/// and V is V₀.
package struct StreamRefit {
  /// Regularization of V towards V₀, as a share of H's mean diagonal.
  package let damping: Double
  /// The share of the residual that is corrected at once; later matrices see the rest again.
  package let share: Double

  // Chosen on one half of the demo model's calibration text, judged on the other half.
  /// The output projection.
  package static let attention = StreamRefit(damping: 0.01, share: 0.75)
  /// The down projection, which also corrects the error of the attention. Regularized more, since it has several
  /// times as many inputs to overfit the calibration text with.
  package static let mlp = StreamRefit(damping: 0.1, share: 0.75)

  package init(damping: Double, share: Double) {
    self.damping = damping
    self.share = share
  }

  /// V (m, s), or nil when H holds a NaN or an infinity.
  ///
  /// - Parameters:
  ///   - plain: V₀ (m, s)
  ///   - weights: W (m, n)
  ///   - moments: of W's inputs, with cross moments
  ///   - kept: S, ascending
  package func solve(
    _ plain: MatrixView<Float>, cutFrom weights: MatrixView<Float>, keeping kept: [Int],
    _ moments: StreamMoments, team: ThreadTeam
  ) -> HostBuffer<Float>? {
    let isWhole = kept.count == weights.columns
    let lack = Self.lack(of: weights, moments, team)
    let right = isWhole ? lack : lack.keeping(columns: kept)
    let gram = isWhole ? moments.gram : moments.gram.keeping(kept)
    guard let factor = factor(gram, team) else { return nil }
    return corrected(plain, right, factor, team)
  }

  /// `C − W·H` (m, n), with the rows divided among threads in fixed panels.
  private static func lack(
    of weights: MatrixView<Float>, _ moments: StreamMoments, _ team: ThreadTeam
  ) -> MatrixView<Float> {
    guard let cross = moments.cross else { preconditionFailure("there is no reference to come back to") }
    precondition(cross.rows == weights.rows && cross.columns == weights.columns, "C must be (m, n)")
    let (rows, columns) = (weights.rows, weights.columns)
    let lack = MatrixView(HostBuffer<Float>(count: rows * columns), rows: rows, columns: columns)
    team.run { thread, count in
      for start in stride(from: thread * panelRows, to: rows, by: count * panelRows) {
        let part = start..<min(start + panelRows, rows)
        for row in part { lack.row(row).update(from: cross.row(row), count: columns) }
        DenseAlgebra.multiply(
          weights.block(rows: part, columns: 0..<columns), moments.gram.view, alpha: -1, beta: 1,
          into: lack.block(rows: part, columns: 0..<columns))
      }
    }
    return lack
  }

  /// The Cholesky factor of the damped H.
  private func factor(_ gram: GramMatrix, _ team: ThreadTeam) -> MatrixView<Double>? {
    let order = gram.order
    let factor = MatrixView(HostBuffer<Double>(count: order * order), rows: order, columns: order)
    let damped = DampedGram(mean: gram.meanDiagonal, share: damping) { added in
      for row in 0..<order {
        let (source, target) = (gram.view.row(row), factor.row(row))
        for column in 0..<order { target[column] = Double(source[column]) }
        target[row] += added
      }
      return DenseAlgebra.factorCholesky(factor, team: team)
    }
    return damped.map { _ in factor }
  }

  /// `V₀ + share·right·H⁻¹` (m, s), with the rows divided among threads in fixed panels.
  private func corrected(
    _ plain: MatrixView<Float>, _ right: MatrixView<Float>, _ factor: MatrixView<Double>, _ team: ThreadTeam
  ) -> HostBuffer<Float> {
    let (rows, columns) = (plain.rows, plain.columns)
    let values = HostBuffer<Float>(count: rows * columns)
    let result = MatrixView(values, rows: rows, columns: columns)
    let panelRows = Self.panelRows
    team.run { thread, count in
      let buffer = HostBuffer<Double>(count: panelRows * columns)
      for start in stride(from: thread * panelRows, to: rows, by: count * panelRows) {
        let part = start..<min(start + panelRows, rows)
        let panel = MatrixView(buffer, rows: part.count, columns: columns)
        for row in part {
          let (from, to) = (right.row(row), panel.row(row - start))
          for column in 0..<columns { to[column] = Double(from[column]) }
        }
        DenseAlgebra.solve(rowsTimesFactored: factor, right: panel)
        for row in part {
          let (from, correction, to) = (plain.row(row), panel.row(row - start), result.row(row))
          for column in 0..<columns { to[column] = Float(Double(from[column]) + share * correction[column]) }
        }
      }
    }
    return values
  }

  private static let panelRows = 128

  /// Peak memory in bytes of refitting a matrix (m, n): H in float32, its factor in float64, the matrix before and
  /// after, C and the residual in float32, and the panels.
  package static func byteCount(rows: Int, columns: Int, threadCount: Int) -> Int {
    columns * columns * (4 + 8) + 4 * rows * columns * 4 + threadCount * panelRows * columns * 8
  }
}
