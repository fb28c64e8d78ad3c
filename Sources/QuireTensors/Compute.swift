import CKernels
import Foundation

/// The kernels of one instruction set and the team of threads that runs them.
package struct Compute: Sendable {
  package let kernels: Kernels
  package let team: ThreadTeam

  package init(
    threadCount: Int = ProcessInfo.processInfo.activeProcessorCount,
    instructionSet: InstructionSet = .detected
  ) {
    kernels = Kernels(instructionSet)
    team = ThreadTeam(threadCount: threadCount)
  }
}

/// The input of matrix products: float rows, and their quantized form once some integer matrix asks for it.
///
///     input.set(rows: hidden, count: 16, columns: 4096)
///     compute.multiply(input, .init(query, into: q), .init(key, into: k), .init(value, into: v))
///
/// One object serves a whole forward pass; it never allocates after init.
// Unchecked: used by one forward pass at a time; inside a region each thread touches its own tiles.
package final class MatrixInput: @unchecked Sendable {
  package let maximumRows: Int
  package let maximumColumns: Int
  package private(set) var rows: UnsafePointer<Float>  // (row, column)
  package private(set) var rowCount = 0
  package private(set) var columns = 0

  private var quantizedGroup = 0  // group of the codes held for the present rows; 0: none
  private let codes: HostBuffer<Int8>
  private let scales: HostBuffer<Float>
  private let sums: HostBuffer<Int32>
  private let none = HostBuffer<Float>(count: 1)

  package init(maximumRows: Int, maximumColumns: Int) {
    self.maximumRows = maximumRows
    self.maximumColumns = maximumColumns
    let tileRows = (maximumRows + 5) / 6 * 6
    codes = HostBuffer(count: tileRows * maximumColumns)
    // The smallest group is 32 columns, or one odd-sized row.
    let groups = max(1, maximumColumns / 32)
    scales = HostBuffer(count: tileRows * groups)
    sums = HostBuffer(count: tileRows * groups)
    rows = UnsafePointer(none.pointer)
  }

  /// Makes `count` rows of `columns` floats the input; they must stay as they are until the next `set`.
  package func set(rows: UnsafePointer<Float>, count: Int, columns: Int) {
    precondition(count <= maximumRows && columns <= maximumColumns, "input larger than planned")
    self.rows = rows
    rowCount = count
    self.columns = columns
    quantizedGroup = 0
  }

  fileprivate var activations: quire_activations {
    quire_activations(
      codes: codes.pointer, scales: scales.pointer, sums: sums.pointer, rows: Int32(rowCount),
      columns: Int32(columns), group: Int32(quantizedGroup))
  }

  /// Quantizes the rows by `group` unless that is done already.
  fileprivate func quantize(group: Int, compute: Compute) {
    guard quantizedGroup != group else { return }
    quantizedGroup = group
    let tiles = (rowCount + Int(QUIRE_TILE) - 1) / Int(QUIRE_TILE)
    // Waking the team costs more than quantizing one tile.
    if tiles == 1 { return quantize(tiles: 0..<1, kernels: compute.kernels) }
    compute.team.run(with: (self, tiles, compute.kernels)) { work, thread, count in
      let (input, tiles, kernels) = work
      input.quantize(tiles: ThreadTeam.range(of: tiles, thread: thread, count: count), kernels: kernels)
    }
  }

  private func quantize(tiles: Range<Int>, kernels: Kernels) {
    var activations = activations
    kernels.table.pointee.quantize(
      rows, columns, &activations, Int32(tiles.lowerBound), Int32(tiles.upperBound))
  }
}

/// One product of a shared input: the matrix and where its outputs go.
package struct MatrixProduct {
  let matrix: WeightMatrix
  let output: UnsafeMutablePointer<Float>  // (row, stride)
  let stride: Int
  let accumulates: Bool

  /// - Parameters:
  ///   - stride: floats from one output row to the next; the matrix's rows when left out.
  ///   - accumulates: adds to what is there (a residual) instead of replacing it.
  package init(
    _ matrix: WeightMatrix, into output: UnsafeMutablePointer<Float>, stride: Int? = nil,
    accumulates: Bool = false
  ) {
    self.matrix = matrix
    self.output = output
    self.stride = stride ?? matrix.rows
    self.accumulates = accumulates
  }

  fileprivate var panels: Int { (matrix.rows + 31) / 32 }
}

extension Compute {
  /// The group by which activations are quantized for a matrix: its own, or for channel-wise weights the largest of
  /// 128, 64, 32 that divides the width.
  private func activationGroup(_ matrix: QuantizedMatrix) -> Int {
    matrix.format.group ?? [128, 64, 32].first { matrix.columns % $0 == 0 } ?? matrix.columns
  }

  /// Up to three products of one input in one pass over the team: y = W x for every row of the input.
  package func multiply(
    _ input: MatrixInput, _ first: MatrixProduct, _ second: MatrixProduct? = nil,
    _ third: MatrixProduct? = nil
  ) {
    guard input.rowCount > 0 else { return }
    let group = prepare(input, first)
    // Products whose activations are grouped otherwise need a pass of their own.
    if let second, !shares(group, second, input) {
      multiply(input, first)
      return multiply(input, second, third)
    }
    if let third, !shares(group, third, input) {
      multiply(input, first, second)
      return multiply(input, third)
    }
    team.run(with: (self, input, first, second, third)) { work, thread, count in
      let (compute, input, first, second, third) = work
      compute.perform(first, second, third, input, thread: thread, threadCount: count)
    }
  }

  /// A thread's share of the panels of all products.
  private func perform(
    _ first: MatrixProduct, _ second: MatrixProduct?, _ third: MatrixProduct?, _ input: MatrixInput,
    thread: Int, threadCount: Int
  ) {
    let firstPanels = first.panels
    let secondPanels = second?.panels ?? 0
    let total = firstPanels + secondPanels + (third?.panels ?? 0)
    let share = ThreadTeam.range(of: total, thread: thread, count: threadCount)
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
  private func prepare(_ input: MatrixInput, _ product: MatrixProduct) -> Int {
    precondition(
      product.matrix.columns == input.columns,
      "a matrix of \(product.matrix.columns) inputs met \(input.columns)")
    guard case .quantized(let matrix) = product.matrix else { return 0 }
    let group = activationGroup(matrix)
    input.quantize(group: group, compute: self)
    return group
  }

  private func shares(_ group: Int, _ product: MatrixProduct, _ input: MatrixInput) -> Bool {
    guard case .quantized(let matrix) = product.matrix else { return true }
    return group == activationGroup(matrix) && matrix.columns == input.columns
  }

  private func perform(_ product: MatrixProduct, _ input: MatrixInput, _ panels: Range<Int>) {
    guard !panels.isEmpty else { return }
    switch product.matrix {
    case .dense(let matrix):
      kernels.table.pointee.dense(
        matrix.base, matrix.kernelElement, Int32(matrix.columns), input.rows, input.columns,
        Int32(input.rowCount),
        product.output, product.stride, product.accumulates ? 1 : 0, Int32(panels.lowerBound * 32),
        Int32(min(panels.upperBound * 32, matrix.rows)))
    case .quantized(let matrix):
      var weights = matrix.kernelWeights
      var activations = input.activations
      kernels.table.pointee.gemm(
        &weights, &activations, product.output, product.stride, product.accumulates ? 1 : 0,
        Int32(panels.lowerBound), Int32(panels.upperBound))
    }
  }
}
