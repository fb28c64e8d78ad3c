import QuireCalibration
package import QuireModel
package import QuireTensors

// Smoothing applies at the input of one or more matrices and at the norm or matrix before it, which takes the
// inverse scales.
extension LayerShape {
  /// For each channel at `site`, the channel of the norm or matrix before it that produces it: the same index,
  /// except for the attention's output, where the query heads of a KV group read the same values.
  func sources(at site: ActivationSite, headSize: Int, hiddenSize: Int) -> [Int] {
    switch site {
    case .attentionInput, .mlpInput: Array(0..<hiddenSize)
    case .mlpOutput: Array(0..<intermediateSize)
    case .attentionOutput:
      keyValueHeadOfQueryHead.flatMap { head in (head * headSize)..<((head + 1) * headSize) }
    }
  }
}

extension LayerWeights {
  /// The scales nearest to `scales` that leave the norm before `site` in bf16, in which checkpoints store norms: for
  /// a norm g and a scale s, `g / bf16(g / s)`. Before the other sites is a matrix, and the scales are as given.
  ///
  /// - Parameter scales: one for each channel of the norm or matrix before it
  package func foldable(_ scales: [Float], at site: ActivationSite) -> [Float] {
    guard let tensor = site.norm else { return scales }
    return zip(self[norm: tensor].buffer, scales).map { norm, scale in
      guard norm != 0 else { return scale }
      let exact = norm / (norm / scale).roundedToBfloat16
      return exact.isNormal ? exact : 1
    }
  }

  /// Multiplies the input columns of the matrices that read at `site` and divides the norm or matrix before them,
  /// so that the layer's function is unchanged.
  ///
  /// - Parameter scales: one for each channel of the norm or matrix before it, as `foldable` returns them
  package mutating func fold(_ scales: [Float], at site: ActivationSite, headSize: Int, _ compute: Compute) {
    let sources = shape.sources(at: site, headSize: headSize, hiddenSize: inputNorm.count)
    let columnScales = sources.map { scales[$0] }
    for tensor in site.readers { self[tensor] = self[tensor].scaled(columns: columnScales, compute) }
    if let tensor = site.norm { self[norm: tensor] = Self.divided(self[norm: tensor], by: scales) }
    switch site {
    case .attentionInput, .mlpInput: break
    case .attentionOutput: valueProjection = valueProjection.scaled(rows: scales.map { 1 / $0 }, compute)
    case .mlpOutput: upProjection = upProjection.scaled(rows: scales.map { 1 / $0 }, compute)
    }
  }

  private static func divided(_ norm: HostBuffer<Float>, by scales: [Float]) -> HostBuffer<Float> {
    // Rounding takes away the last bit of the division; a norm that is not bf16 may only stay as it is.
    HostBuffer(zip(norm.buffer, scales).map { $1 == 1 ? $0 : ($0 / $1).roundedToBfloat16 })
  }
}

extension ActivationSite {
  /// The norm that produces what is read here, if it is a norm.
  fileprivate var norm: LayerTensor? {
    switch self {
    case .attentionInput: .inputNorm
    case .mlpInput: .postAttentionNorm
    case .attentionOutput, .mlpOutput: nil
    }
  }
}

extension WeightMatrix {
  /// The matrix in float32 with each input column times a factor.
  fileprivate func scaled(columns factors: [Float], _ compute: Compute) -> WeightMatrix {
    mapRows(compute) { _, values in
      for column in 0..<factors.count { values[column] *= factors[column] }
    }
  }

  /// The matrix in float32 with each row times a factor.
  fileprivate func scaled(rows factors: [Float], _ compute: Compute) -> WeightMatrix {
    let columns = columns
    return mapRows(compute) { row, values in
      for column in 0..<columns { values[column] *= factors[row] }
    }
  }

  private func mapRows(
    _ compute: Compute, _ change: @Sendable (_ row: Int, UnsafeMutablePointer<Float>) -> Void
  ) -> WeightMatrix {
    let values = HostBuffer<Float>(count: rows * columns)
    compute.team.run { thread, count in
      for row in ThreadTeam.range(of: rows, share: thread, count: count) {
        let line = values.pointer + row * columns
        dequantizeRow(row, into: line, kernels: compute.kernels)
        change(row, line)
      }
    }
    return .dense(DenseMatrix(rows: rows, columns: columns, values: values))
  }

  /// A float32 matrix as bf16; any other as it is.
  package func roundedToBfloat16(_ compute: Compute) -> WeightMatrix {
    guard case .dense(let dense) = self, dense.element == .float32 else { return self }
    return .dense(
      DenseMatrix(
        rows: rows, columns: columns, roundingToBfloat16: dense.base.assumingMemoryBound(to: Float.self)))
  }
}
