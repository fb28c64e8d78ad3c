package import QuireCalibration
import QuireFiles
import QuireModel
package import QuireTensors

/// Refits a matrix so that the hidden states after it approach those of the unpruned model.
///
/// Least squares on the pruned model's inputs alone reproduces the matrix's former output for these inputs, and so
/// passes on the error of earlier layers. Here the target T is the *unpruned* model's hidden states after the
/// matrix minus the pruned model's before it, as in asymmetric calibration for GPTQ (GPTAQ, arXiv 2504.02692). With
/// `C = TᵀX/N` and H of the inputs that are kept, and V₀ the matrix to start from:
///
///     V = V₀ + share · (C − V₀·H) · (H + damping·mean(diag H))⁻¹
///
/// `C − V₀·H` is the correlation of the residual with the inputs: where V₀ already gives the unpruned states it is
/// zero, and V is V₀. The correction of one token is an error for another one that did not need it, and how much a model
/// tolerates of either depends on how it was trained, so the share is tried on the whole model (`RepairTrial`).
package struct StreamRefit {
  /// What V is regularized towards.
  package enum Start {
    /// The kept columns as they are. Many tokens do not need the removed heads, and the kept columns are right for them: a
    /// whole refit lowers the mean error and changes what was exact.
    case cut
    /// The kept columns refitted to the matrix's former output.
    case refitted
  }

  package let start: Start
  /// Regularization of V towards V₀, as a share of H's mean diagonal.
  package let damping: Double

  // The damping was chosen on one half of the demo model's calibration text and judged on the other half; the start by
  // answers. From the refitted columns, KL divergence is about as low, but more answers are wrong (recipes/README.md).
  /// The output projection.
  package static let attention = StreamRefit(start: .cut, damping: 0.01)
  /// The down projection, which also corrects the error of the attention. Regularized more, since it has several
  /// times as many inputs to overfit the calibration text with.
  package static let mlp = StreamRefit(start: .refitted, damping: 0.1)

  package init(start: Start = .cut, damping: Double) {
    self.start = start
    self.damping = damping
  }

  /// V (m, s), or nil when H holds a NaN or an infinity.
  ///
  /// - Parameters:
  ///   - first: V₀ (m, s)
  ///   - moments: of the kept inputs, with cross moments
  ///   - share: fraction of the residual that this matrix corrects; the rest remains in the residual of later matrices
  package func solve(
    from first: MatrixView<Float>, _ moments: StreamMoments, share: Double, team: ThreadTeam
  ) -> HostBuffer<Float>? {
    let lack = Self.lack(of: first, moments, team)
    guard let factor = factor(moments.gram, team) else { return nil }
    let values = HostBuffer<Float>(count: first.rows * first.columns)
    let whole = MatrixView(values, rows: first.rows, columns: first.columns)
    Self.correct(lack, factor, into: whole, team)
    for row in 0..<first.rows {
      let (start, change) = (first.row(row), whole.row(row))
      for column in 0..<first.columns {
        change[column] = Float(Double(start[column]) + share * Double(change[column]))
      }
    }
    return values
  }

  /// `C − V₀·H` (m, s), with the rows divided among threads in fixed panels.
  private static func lack(
    of weights: MatrixView<Float>, _ moments: StreamMoments, _ team: ThreadTeam
  ) -> MatrixView<Float> {
    guard let cross = moments.cross else { preconditionFailure("there is no reference to come back to") }
    precondition(cross.rows == weights.rows && cross.columns == weights.columns, "C must be (m, s)")
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

  /// `result ← lack·H⁻¹` (m, s), with the rows divided among threads in fixed panels.
  private static func correct(
    _ lack: MatrixView<Float>, _ factor: MatrixView<Double>, into result: MatrixView<Float>,
    _ team: ThreadTeam
  ) {
    let (rows, columns) = (lack.rows, lack.columns)
    team.run { thread, count in
      let buffer = HostBuffer<Double>(count: panelRows * columns)
      for start in stride(from: thread * panelRows, to: rows, by: count * panelRows) {
        let part = start..<min(start + panelRows, rows)
        let panel = MatrixView(buffer, rows: part.count, columns: columns)
        for row in part {
          let (from, to) = (lack.row(row), panel.row(row - start))
          for column in 0..<columns { to[column] = Double(from[column]) }
        }
        DenseAlgebra.solve(rowsTimesFactored: factor, right: panel)
        for row in part {
          let (from, to) = (panel.row(row - start), result.row(row))
          for column in 0..<columns { to[column] = Float(from[column]) }
        }
      }
    }
  }

  private static let panelRows = 128

  /// Peak memory in bytes of refitting a matrix (m, n): H in float32, its factor in float64, the matrix before and
  /// after, C and the residual in float32, and the panels.
  package static func byteCount(rows: Int, columns: Int, threadCount: Int) -> Int {
    columns * columns * (4 + 8) + 4 * rows * columns * 4 + threadCount * panelRows * columns * 8
  }
}
