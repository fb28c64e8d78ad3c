import QuireCalibration
import QuireModel
package import QuireTensors

// Asymmetric calibration.
extension GPTQBand {
  /// Replaces the weights to solve for by those that best map the quantized model's inputs X to a share of the
  /// outputs that the float model has for its own inputs X̃ (GPTAQ, arXiv 2504.02692):
  ///
  ///     W + share · W · D · (H + λI)⁻¹,   D = (X̃ − X)ᵀ·X/N,   H = XᵀX/N
  ///
  /// With `(H + λI)⁻¹ = UᵀU`, in the order in which inputs are solved. A row whose result is not finite keeps W.
  func aim(at target: AsymmetricTarget, _ factor: InverseFactor) {
    let all = 0..<rows
    let weights = MatrixView(original, rows: rows, columns: columns)
    let first = MatrixView(current, rows: rows, columns: columns)
    let second = MatrixView(residuals, rows: rows, columns: columns)
    DenseAlgebra.multiply(weights, target.deviation, into: second)
    for row in all {
      let (from, to) = (second.row(row), first.row(row))
      for (index, column) in factor.solvingOrder.enumerated() { to[index] = from[column] }
    }
    DenseAlgebra.multiply(first, factor.view, transposing: .right, into: second)
    DenseAlgebra.multiply(second, factor.view, into: first)
    for row in all {
      let (own, correction, to) = (weights.row(row), first.row(row), targets.pointer + row * columns)
      var isFinite = true
      for (index, column) in factor.solvingOrder.enumerated() {
        to[column] = own[column] + target.share * correction[index]
        isFinite = isFinite && to[column].isFinite
      }
      if !isFinite { to.update(from: own, count: columns) }
    }
  }
}

/// The part of GPTQ's target that comes from the float model.
package struct AsymmetricTarget {
  /// D: the mean over the calibration text of `(x̃ᵢ − xᵢ)·xⱼ`, x̃ an input in the float model, x in the quantized one.
  package let deviation: MatrixView<Float>  // (inputs, inputs)
  /// 0: the outputs that the float matrix has for the quantized model's inputs; 1: those for its own inputs.
  package let share: Float

  package init(deviation: MatrixView<Float>, share: Float) {
    self.deviation = deviation
    self.share = share
  }
}
