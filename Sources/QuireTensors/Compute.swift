import CKernels

/// The kernels of one instruction set and the team of threads that runs them.
package struct Compute: Sendable {
  package let kernels: Kernels
  package let team: ThreadTeam

  package init(
    threadCount: Int = ProcessLimits.coreCount,
    instructionSet: InstructionSet = .detected
  ) {
    self.init(threadCount: threadCount, kernels: Kernels(instructionSet))
  }

  package init(threadCount: Int, kernels: Kernels) {
    self.kernels = kernels
    team = ThreadTeam(threadCount: threadCount)
  }
}

/// One product with a shared input: the matrix and its output.
package struct MatrixProduct {
  let matrix: WeightMatrix
  let output: UnsafeMutablePointer<Float>  // (row, stride)
  let stride: Int
  let accumulates: Bool

  /// - Parameters:
  ///   - stride: floats from one output row to the next; the matrix's rows when left out.
  ///   - accumulates: adds to the output (a residual) instead of replacing it.
  package init(
    _ matrix: WeightMatrix, into output: UnsafeMutablePointer<Float>, stride: Int? = nil,
    accumulates: Bool = false
  ) {
    self.matrix = matrix
    self.output = output
    self.stride = stride ?? matrix.rows
    self.accumulates = accumulates
  }

  fileprivate var panels: Int { QuantizedMatrix.panelCount(rows: matrix.rows) }
}

extension Compute {
  /// Up to three products of one input in one region of the team: y = W x for every row of the input.
  package func multiply(
    _ input: MatrixInput, _ first: MatrixProduct, _ second: MatrixProduct? = nil,
    _ third: MatrixProduct? = nil
  ) {
    guard input.rowCount > 0 else { return }
    let group = prepare(input, first)
    // Products whose activations have another group need a separate region.
    if let second, !shares(group, second, input) {
      multiply(input, first)
      return multiply(input, second, third)
    }
    if let third, !shares(group, third, input) {
      multiply(input, first, second)
      return multiply(input, third)
    }
    let panels = first.panels + (second?.panels ?? 0) + (third?.panels ?? 0)
    team.run(with: (self, input, first, second, third), pieces: team.pieces(of: panels, rows: input.rowCount))
    {
      work, share, count in
      let (compute, input, first, second, third) = work
      compute.perform(first, second, third, input, share: share, count: count)
    }
  }

  /// One share of the panels of all products.
  private func perform(
    _ first: MatrixProduct, _ second: MatrixProduct?, _ third: MatrixProduct?, _ input: MatrixInput,
    share: Int, count: Int
  ) {
    let firstPanels = first.panels
    let secondPanels = second?.panels ?? 0
    let total = firstPanels + secondPanels + (third?.panels ?? 0)
    let share =
      ThreadTeam.isLong(rows: input.rowCount)
      ? team.taperedRange(of: total, share: share, count: count)
      : ThreadTeam.range(of: total, share: share, count: count)
    perform(first, input, share.clamped(to: 0..<firstPanels))
    if let second { perform(second, input, shift(share, by: firstPanels, within: secondPanels)) }
    if let third {
      perform(third, input, shift(share, by: firstPanels + secondPanels, within: third.panels))
    }
  }

  private func shift(_ range: Range<Int>, by offset: Int, within count: Int) -> Range<Int> {
    (range.lowerBound - offset..<range.upperBound - offset).clamped(to: 0..<count)
  }

  /// Quantizes the input for the product if it needs that; returns the group, 0 for dense matrices.
  func prepare(_ input: MatrixInput, _ product: MatrixProduct) -> Int {
    precondition(
      product.matrix.columns == input.columns,
      "a matrix of \(product.matrix.columns) inputs met \(input.columns)")
    let group = product.matrix.activationGroup
    if group > 0 { input.quantize(group: group, compute: self) }
    return group
  }

  func shares(_ group: Int, _ product: MatrixProduct, _ input: MatrixInput) -> Bool {
    let own = product.matrix.activationGroup
    return own == 0 || own == group && product.matrix.columns == input.columns
  }

  func perform(_ product: MatrixProduct, _ input: MatrixInput, _ panels: Range<Int>) {
    guard !panels.isEmpty else { return }
    switch product.matrix {
    case .dense(let matrix):
      kernels.table.pointee.dense(
        matrix.base, matrix.kernelElement, Int32(matrix.columns), input.rows, input.columns,
        Int32(input.rowCount),
        product.output, product.stride, product.accumulates ? 1 : 0,
        Int32(panels.lowerBound * QuantizedMatrix.panelRows),
        Int32(min(panels.upperBound * QuantizedMatrix.panelRows, matrix.rows)))
    case .quantized(let matrix):
      var weights = matrix.kernelWeights
      var activations = input.activations
      kernels.table.pointee.gemm(
        &weights, &activations, product.output, product.stride, product.accumulates ? 1 : 0,
        Int32(panels.lowerBound), Int32(panels.upperBound))
    }
  }
}
