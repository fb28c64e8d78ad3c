package import QuireTensors

/// The layers after the last decoder layer: final norm, then lm_head. All memory is planned at creation.
// Unchecked: used by one thread at a time.
package final class OutputLayer: @unchecked Sendable {
  private let finalNorm: HostBuffer<Float>  // (hidden)
  private let epsilon: Float
  private let hiddenSize: Int
  private let compute: Compute
  private let input: MatrixInput
  private let normed: HostBuffer<Float>  // (row, hidden)

  /// - Parameter maximumRows: the most rows of one call
  package init(
    finalNorm: HostBuffer<Float>, configuration: ModelConfiguration, compute: Compute, maximumRows: Int
  ) {
    self.finalNorm = finalNorm
    self.compute = compute
    epsilon = configuration.rmsNormEpsilon
    hiddenSize = configuration.hiddenSize
    input = MatrixInput(maximumRows: maximumRows, maximumColumns: hiddenSize)
    normed = HostBuffer(count: maximumRows * hiddenSize)
  }

  /// Bytes of the float buffer that this layer holds.
  var bufferBytes: Int { normed.byteCount }

  /// Writes the logits of some rows of `hidden` (row, hidden).
  ///
  /// - Parameters:
  ///   - rows: at most as many as planned
  ///   - head: lm_head (vocabulary, hidden)
  ///   - logits: (row, vocabulary)
  package func run(
    _ hidden: UnsafePointer<Float>, rows: [Int], head: WeightMatrix,
    into logits: UnsafeMutablePointer<Float>
  ) {
    for (index, row) in rows.enumerated() {
      compute.kernels.rmsNorm(
        hidden + row * hiddenSize, weight: finalNorm.pointer, into: normed.pointer + index * hiddenSize,
        count: hiddenSize, epsilon: epsilon)
    }
    input.set(rows: normed.pointer, count: rows.count, columns: hiddenSize)
    compute.multiply(input, MatrixProduct(head, into: logits))
  }
}
