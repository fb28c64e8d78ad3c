import QuireCalibration
import QuireFiles
import QuireModel
import QuireTensors

/// GPTQ on a band of rows of a matrix. Used by one thread for one band after another; its buffers are a few times
/// as large as the band's weights.
final class GPTQBand {
  let codes: HostBuffer<Int8>  // (row, column), columns as stored
  let scales: HostBuffer<GroupScale>  // (row, group)

  let columns: Int
  let groupSize: Int
  private(set) var rows = 0  // of the band at hand
  let original: HostBuffer<Float>  // (row, column)
  /// What is solved for: the weights themselves, unless an asymmetric target moves them.
  let targets: HostBuffer<Float>  // (row, column)
  let current: HostBuffer<Float>  // (row, index in the solving order)
  let deltas: HostBuffer<Float>  // (row, index in a block)
  let products: HostBuffer<Float>  // (row, column of a tile)
  /// Empty without a target or a refit.
  let residuals: HostBuffer<Float>  // (row, column)
  let levelValues: HostBuffer<Float>  // (row, column of a group)
  let errors: HostBuffer<Double>  // (row): squared output error, H damped

  /// Stored: a copy for every weight would cost more than the weight.
  let grid: CodeGrid

  private let rowScales: RowScales
  private let weights: WeightMatrix
  private let kernels: Kernels

  /// Columns of H per tile when the output's mean square is summed.
  private static let tileColumns = 512

  /// - Parameters:
  ///   - rowLimit: the most rows of a band
  ///   - blockColumns: inputs solved one by one before the rest is updated in one product
  ///   - isAimed: whether a target other than the weights will be given
  ///   - refits: whether scales and codes will be chosen again
  init(
    of weights: WeightMatrix, rowLimit: Int, blockColumns: Int, scaledBy rowScales: RowScales,
    isAimed: Bool, refits: Bool, kernels: Kernels
  ) {
    self.weights = weights
    self.rowScales = rowScales
    grid = rowScales.grid
    self.kernels = kernels
    columns = weights.columns
    groupSize = rowScales.grid.format.group ?? columns
    original = HostBuffer(count: rowLimit * columns)
    targets = isAimed ? HostBuffer(count: rowLimit * columns) : original
    residuals = HostBuffer(count: isAimed || refits ? rowLimit * columns : 0)
    levelValues = HostBuffer(count: refits ? rowLimit * min(groupSize, blockColumns) : 0)
    current = HostBuffer(count: rowLimit * columns)
    deltas = HostBuffer(count: rowLimit * blockColumns)
    products = HostBuffer(count: rowLimit * min(columns, Self.tileColumns))
    codes = HostBuffer(count: rowLimit * columns)
    scales = HostBuffer(count: rowLimit * columns / groupSize)
    errors = HostBuffer(count: rowLimit)
  }

  /// Bytes of a band of `rowLimit` rows.
  package static func byteCount(rowLimit: Int, columns: Int, isAimed: Bool, refits: Bool) -> Int {
    let buffers = 2 + (isAimed ? 1 : 0) + (isAimed || refits ? 1 : 0)
    return rowLimit * (columns * (4 * buffers + 1) + 4 * min(columns, tileColumns) + (refits ? 4 * 128 : 0))
  }

  /// Loads other rows and computes their scales: from the unchanged weights, or from what `target` makes of them.
  package func load(_ range: Range<Int>, aimedAt target: AsymmetricTarget?, _ factor: InverseFactor) {
    rows = range.count
    let groups = columns / groupSize
    for (line, row) in range.enumerated() {
      weights.dequantizeRow(row, into: original.pointer + line * columns, kernels: kernels)
    }
    if let target { aim(at: target, factor) }
    for line in 0..<rows {
      let values = targets.pointer + line * columns
      let isFinite = rowScales.choose(
        for: values, columns: columns, kernels: kernels, into: scales.pointer + line * groups)
      // Weights that are not finite get codes of zero; `costs` reports them.
      if !isFinite { (scales.pointer + line * groups).update(repeating: GroupScale(), count: groups) }
    }
  }

  /// Chooses all codes.
  func solve(_ factor: InverseFactor, blockColumns: Int) {
    errors.pointer.update(repeating: 0, count: rows)
    for row in 0..<rows {
      let (from, to) = (targets.pointer + row * columns, current.pointer + row * columns)
      for (index, column) in factor.solvingOrder.enumerated() { to[index] = from[column] }
    }
    let view = MatrixView(current, rows: rows, columns: columns)
    let all = 0..<rows
    for start in stride(from: 0, to: columns, by: blockColumns) {
      let block = start..<min(start + blockColumns, columns)
      let rest = block.upperBound..<columns
      let delta = MatrixView(deltas, rows: rows, columns: block.count)
      for row in all { solveRow(row, block: block, view.row(row), factor, delta: delta.row(row)) }
      DenseAlgebra.multiply(
        delta, factor.view.block(rows: block, columns: rest), alpha: -1, beta: 1,
        into: view.block(rows: all, columns: rest))
    }
  }

  /// The codes of one row in one block. `delta` gets the errors in units of U's diagonal.
  private func solveRow(
    _ row: Int, block: Range<Int>, _ current: UnsafeMutablePointer<Float>, _ factor: InverseFactor,
    delta: UnsafeMutablePointer<Float>
  ) {
    let (order, codes, grid) = (factor.solvingOrder, codes.pointer + row * columns, grid)
    let scales = scales.pointer + row * (columns / groupSize)
    var squared = 0.0
    for position in block {
      let column = order[position]
      let group = scales[column / groupSize]
      let code = grid.code(of: current[position], group)
      codes[column] = code
      let across = factor.values.pointer + position * columns
      let error = (current[position] - grid.weight(of: code, group)) / across[position]
      delta[position - block.lowerBound] = error
      squared += Double(error) * Double(error)
      for next in (position + 1)..<max(position + 1, block.upperBound) {
        current[next] -= error * across[next]
      }
    }
    errors.pointer[row] += squared
  }

  /// Each row's mean squared output, and the error in it.
  ///
  /// `w·H·wᵀ` needs only one triangle of H: entries above a tile's diagonal block count twice.
  func measure(_ gram: GramMatrix, damping: Double, into costs: UnsafeMutablePointer<OutputCost>) {
    let (all, weights) = (0..<rows, MatrixView(original, rows: rows, columns: columns))
    for row in all { costs[row] = OutputCost(error: errors.pointer[row], energy: 0) }
    for start in stride(from: 0, to: columns, by: Self.tileColumns) {
      let (above, tile) = (0..<start, start..<min(start + Self.tileColumns, columns))
      let product = MatrixView(products, rows: rows, columns: tile.count)
      DenseAlgebra.multiply(
        weights.block(rows: all, columns: tile), gram.view.block(rows: tile, columns: tile), into: product)
      DenseAlgebra.multiply(
        weights.block(rows: all, columns: above), gram.view.block(rows: above, columns: tile), alpha: 2,
        beta: 1, into: product)
      for row in all {
        let (values, products) = (weights.row(row) + start, product.row(row))
        var energy = 0.0
        for index in 0..<tile.count {
          let weight = Double(values[index])
          energy += weight * (Double(products[index]) + damping * weight)
        }
        costs[row].energy += energy
      }
    }
  }

  /// Each row's squared error of the weights; infinite when a weight is not finite or beyond the grid.
  func costs(into costs: UnsafeMutablePointer<RoundingCost>) {
    let groups = columns / groupSize
    for row in 0..<rows {
      let values = original.pointer + row * columns
      guard CodeGrid.largestMagnitude(values, count: columns) <= grid.largestWeight else {
        costs[row] = RoundingCost(squaredWeights: .infinity)
        continue
      }
      for group in 0..<groups {
        costs[row].add(
          values + group * groupSize, codes.pointer + row * columns + group * groupSize, count: groupSize,
          scales.pointer[row * groups + group], grid)
      }
    }
  }
}
