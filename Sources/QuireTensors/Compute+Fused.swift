// Regions that quantize activations as they produce them: one wake-up of the team and one pass over memory instead
// of two or three. Every value comes from the same kernel as in a separate region, so the bits are the same.

extension Compute {
  /// Sets `input` to the rows of `hidden` divided by their root mean square and multiplied by `weight`, quantized
  /// for `next`. `normed` receives them as floats.
  /// - Parameters:
  ///   - hidden: (row, column)
  ///   - weight: (column)
  ///   - normed: (row, column)
  package func normalize(
    _ hidden: UnsafePointer<Float>, count: Int, weight: HostBuffer<Float>, epsilon: Float,
    into normed: UnsafeMutablePointer<Float>, _ input: MatrixInput, for next: WeightMatrix
  ) {
    input.set(rows: normed, count: count, columns: weight.count, for: next)
    let work = Normalization(
      hidden: hidden, weight: weight, epsilon: epsilon, normed: normed, input: input, kernels: kernels)
    // Waking the team costs more than one tile.
    if input.tileCount == 1 { return work.perform(tiles: 0..<1) }
    team.run(with: work, pieces: team.pieces(of: input.tileCount)) { work, share, count in
      work.perform(tiles: ThreadTeam.range(of: work.input.tileCount, share: share, count: count))
    }
  }

  /// Sets `output` to the rows silu(gate x) · up x, quantized for `next`. Each share computes the same outputs of
  /// both products and continues with them at once. The rows are stored in the output memory of `gate`.
  package func multiplyGated(
    _ input: MatrixInput, gate: MatrixProduct, up: MatrixProduct, into output: MatrixInput,
    for next: WeightMatrix
  ) {
    precondition(
      gate.matrix.rows == up.matrix.rows && gate.stride == gate.matrix.rows && up.stride == gate.stride,
      "gate and up differ in shape")
    guard input.rowCount > 0 else { return }
    output.set(rows: gate.output, count: input.rowCount, columns: gate.matrix.rows, for: next)
    let sharesInput = shares(prepare(input, gate), up, input)
    // Products whose activations have another group come first.
    if !sharesInput {
      multiply(input, gate)
      multiply(input, up)
    }
    let work = Gating(
      compute: self, input: input, gate: gate, up: up, output: output, multiplies: sharesInput)
    team.run(with: work, pieces: team.pieces(of: work.unitCount, rows: input.rowCount)) {
      work, share, count in
      let share = ThreadTeam.range(of: work.unitCount, share: share, count: count)
      if !share.isEmpty { work.perform(units: share) }
    }
  }
}

/// The rows of a norm whose result becomes an input.
private struct Normalization {
  let hidden: UnsafePointer<Float>  // (row, column)
  let weight: HostBuffer<Float>  // (column)
  let epsilon: Float
  let normed: UnsafeMutablePointer<Float>  // (row, column)
  let input: MatrixInput
  let kernels: Kernels

  func perform(tiles: Range<Int>) {
    let width = weight.count
    for tile in tiles {
      let begin = tile * MatrixInput.tileRows
      for row in begin..<min(begin + MatrixInput.tileRows, input.rowCount) {
        kernels.rmsNorm(
          hidden + row * width, weight: weight.pointer, into: normed + row * width, count: width,
          epsilon: epsilon)
      }
      input.quantize(tiles: tile..<tile + 1, columns: 0..<width, kernels: kernels)
    }
  }
}

/// The two products of a gated MLP whose result is the input of the third.
private struct Gating {
  let compute: Compute
  let input: MatrixInput
  let gate: MatrixProduct
  let up: MatrixProduct
  let output: MatrixInput
  /// Whether the products have not been computed yet.
  let multiplies: Bool

  /// Columns that belong together: whole panels and whole groups, or all of an odd size.
  private var unit: Int {
    let group = output.columnsPerGroup
    return group % Self.panel == 0 ? group : Self.panel % group == 0 ? Self.panel : output.columns
  }

  private static let panel = 32

  var unitCount: Int { (output.columns + unit - 1) / unit }

  func perform(units: Range<Int>) {
    let columns = units.lowerBound * unit..<min(units.upperBound * unit, output.columns)
    if multiplies {
      let panels = columns.lowerBound / Self.panel..<(columns.upperBound + Self.panel - 1) / Self.panel
      compute.perform(gate, input, panels)
      compute.perform(up, input, panels)
    }
    for row in 0..<input.rowCount {
      let begin = row * gate.stride + columns.lowerBound
      compute.kernels.swiGLU(
        gate: gate.output + begin, up: up.output + begin, into: gate.output + begin, count: columns.count)
    }
    output.quantize(columns: columns, kernels: compute.kernels)
  }
}
