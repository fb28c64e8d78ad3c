import QuireTensors

/// Some rows of a matrix on their way through GPTQ. Used by one thread.
struct GPTQBand {
  let codes: HostBuffer<Int8>  // (row, column), columns as stored
  let scales: HostBuffer<Float>  // (row, group)

  private let grid: CodeGrid
  private let rows: Int
  private let columns: Int
  private let groupSize: Int
  private let original: HostBuffer<Float>  // (row, column)
  private let errors: HostBuffer<Double>  // (row): squared output error, H damped

  /// Fixes the scales by the weights as they are.
  init(_ weights: WeightMatrix, rows: Range<Int>, scaledBy rowScales: RowScales, kernels: Kernels) {
    grid = rowScales.grid
    self.rows = rows.count
    columns = weights.columns
    groupSize = grid.format.group ?? columns
    let groups = columns / groupSize
    original = HostBuffer(count: rows.count * columns)
    codes = HostBuffer(count: rows.count * columns)
    scales = HostBuffer(count: rows.count * groups)
    errors = HostBuffer(count: rows.count)
    for (line, row) in rows.enumerated() {
      let values = original.pointer + line * columns
      weights.dequantizeRow(row, into: values, kernels: kernels)
      let isFinite = rowScales.choose(
        for: values, columns: columns, codes: codes.pointer + line * columns,
        into: scales.pointer + line * groups)
      // Broken weights get codes of zero; `costs` reports them.
      if !isFinite { (scales.pointer + line * groups).update(repeating: 0, count: groups) }
    }
  }

  /// Chooses all codes.
  func solve(_ factor: InverseFactor, blockColumns: Int) {
    let current = HostBuffer<Float>(count: rows * columns)  // (row, place in the solving order)
    for row in 0..<rows {
      let (from, to) = (original.pointer + row * columns, current.pointer + row * columns)
      for (place, column) in factor.solvingOrder.enumerated() { to[place] = from[column] }
    }
    let deltas = HostBuffer<Float>(count: rows * blockColumns)
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

  /// One row's codes of one block. `delta` gets the errors in units of U's diagonal.
  private func solveRow(
    _ row: Int, block: Range<Int>, _ current: UnsafeMutablePointer<Float>, _ factor: InverseFactor,
    delta: UnsafeMutablePointer<Float>
  ) {
    let (order, codes) = (factor.solvingOrder, codes.pointer + row * columns)
    let scales = scales.pointer + row * (columns / groupSize)
    var squared = 0.0
    for place in block {
      let column = order[place]
      let scale = scales[column / groupSize]
      let code = grid.code(of: current[place], scale: scale)
      codes[column] = code
      let across = factor.values.pointer + place * columns
      let error = (current[place] - Float(code) * scale) / across[place]
      delta[place - block.lowerBound] = error
      squared += Double(error) * Double(error)
      for next in (place + 1)..<max(place + 1, block.upperBound) { current[next] -= error * across[next] }
    }
    errors.pointer[row] += squared
  }

  /// Each row's mean squared output, and the error in it.
  func measure(_ gram: GramMatrix, damping: Double, into costs: UnsafeMutablePointer<OutputCost>) {
    let products = HostBuffer<Float>(count: rows * columns)  // W·H
    DenseAlgebra.multiply(
      MatrixView(original, rows: rows, columns: columns), gram.view,
      into: MatrixView(products, rows: rows, columns: columns))
    for row in 0..<rows {
      var energy = 0.0
      for index in (row * columns)..<((row + 1) * columns) {
        let weight = Double(original.pointer[index])
        energy += weight * (Double(products.pointer[index]) + damping * weight)
      }
      costs[row] = OutputCost(error: errors.pointer[row], energy: energy)
    }
  }

  /// Each row's squared error of the weights; infinite when a weight is not finite.
  func costs(into costs: UnsafeMutablePointer<RoundingCost>) {
    let groups = columns / groupSize
    for row in 0..<rows {
      let values = original.pointer + row * columns
      guard CodeGrid.largestMagnitude(values, count: columns).isFinite else {
        costs[row] = RoundingCost(squaredWeights: .infinity)
        continue
      }
      for group in 0..<groups {
        costs[row].add(
          values + group * groupSize, codes.pointer + row * columns + group * groupSize, count: groupSize,
          scale: scales.pointer[row * groups + group])
      }
    }
  }
}
