import QuireFiles
import QuireModel
import QuireCheckpoints
package import QuireTensors

/// `H = XᵀX/N` of the activations that a matrix reads: all that least squares needs.
package struct GramMatrix: Sendable {
  /// Inputs of the matrix, k.
  package let order: Int
  package let values: HostBuffer<Float>  // (k, k), both triangles
  /// The magnitude of each input; nil where only H is known.
  package let magnitudes: ActivationMagnitudes?
  /// The deviation of sampled entries from their sums in float64 (`GramCheck`); 0 where none were checked.
  package let deviation: Double

  /// Precondition: `values` holds order² numbers.
  package init(
    order: Int, values: HostBuffer<Float>, magnitudes: ActivationMagnitudes? = nil, deviation: Double = 0
  ) {
    precondition(values.count == order * order, "a Gram matrix is square")
    self.order = order
    self.values = values
    self.magnitudes = magnitudes
    self.deviation = deviation
  }

  package var view: MatrixView<Float> { MatrixView(values, rows: order, columns: order) }

  /// Multiply-adds for each row of activations: one triangle, in whole tiles.
  package static func multiplyAddsPerRow(order: Int) -> Double {
    let width = GramAccumulator.tileColumns
    return stride(from: 0, to: order, by: width).reduce(0) {
      $0 + Double(min(width, order - $1) * (order - $1))
    }
  }

  /// The mean square of each input.
  package var diagonal: [Float] { (0..<order).map { values.pointer[$0 * order + $0] } }

  /// The matrix of the given inputs alone, when the others are removed and inputs do not depend on each other.
  package func keeping(_ inputs: [Int]) -> GramMatrix {
    let kept = HostBuffer<Float>(count: inputs.count * inputs.count)
    for (row, from) in inputs.enumerated() {
      let (source, target) = (view.row(from), kept.pointer + row * inputs.count)
      for (index, column) in inputs.enumerated() { target[index] = source[column] }
    }
    return GramMatrix(
      order: inputs.count, values: kept, magnitudes: magnitudes?.keeping(inputs), deviation: deviation)
  }

  /// The matrix of the inputs divided by `scales` (k), as smoothing leaves them.
  func divided(by scales: [Float]) -> GramMatrix {
    let result = HostBuffer<Float>(count: values.count)
    let factors = HostBuffer(scales.map { 1 / $0 })
    for row in 0..<order {
      let (source, target) = (view.row(row), result.pointer + row * order)
      let factor = factors.pointer[row]
      for column in 0..<order { target[column] = source[column] * (factor * factors.pointer[column]) }
    }
    return GramMatrix(
      order: order, values: result, magnitudes: magnitudes?.divided(by: scales),
      deviation: deviation)
  }
}

/// The mean and the largest magnitude of each input of a matrix, for smoothing.
package struct ActivationMagnitudes: Sendable, Equatable {
  package let means: [Float]  // (k)
  package let maxima: [Float]  // (k)

  package init(means: [Float], maxima: [Float]) {
    precondition(means.count == maxima.count, "one mean and one maximum an input")
    self.means = means
    self.maxima = maxima
  }

  package func keeping(_ inputs: [Int]) -> ActivationMagnitudes {
    ActivationMagnitudes(means: inputs.map { means[$0] }, maxima: inputs.map { maxima[$0] })
  }

  func divided(by scales: [Float]) -> ActivationMagnitudes {
    ActivationMagnitudes(means: zip(means, scales).map(/), maxima: zip(maxima, scales).map(/))
  }
}

/// Accumulates a Gram matrix batch by batch.
///
/// The columns are divided at fixed offsets, whatever the thread count, so that the sums have the same bits on any
/// team.
package struct GramAccumulator {
  private let sums: HostBuffer<Float>  // upper triangle in tiles (k, k)
  private let magnitudeSums: HostBuffer<Double>  // (k)
  private let maxima: HostBuffer<Float>  // (k)
  private let check: GramCheck
  private let order: Int
  private let team: ThreadTeam
  private var rowCount = 0

  fileprivate static let tileColumns = 512

  package init(order: Int, team: ThreadTeam) {
    self.order = order
    self.team = team
    sums = HostBuffer(count: order * order)
    magnitudeSums = HostBuffer(count: order)
    maxima = HostBuffer(count: order)
    check = GramCheck(order: order)
  }

  /// Adds activations (row, k).
  package mutating func add(_ rows: UnsafeBufferPointer<Float>) {
    guard let base = rows.baseAddress else { return }
    let inputs = MatrixView(
      UnsafeMutablePointer(mutating: base), rows: rows.count / order, columns: order)
    check.add(inputs)
    let all = 0..<inputs.rows
    let total = MatrixView(sums, rows: order, columns: order)
    let (order, width) = (order, Self.tileColumns)
    let (magnitudeSums, maxima) = (magnitudeSums.pointer, maxima.pointer)
    let tileCount = (order + width - 1) / width
    team.run { thread, count in
      // Tiles shrink from the first to the last: dealing them out back and forth keeps the threads' shares even.
      for tile in 0..<tileCount {
        let turn = tile % (2 * count)
        guard (turn < count ? turn : 2 * count - 1 - turn) == thread else { continue }
        let columns = (tile * width)..<min((tile + 1) * width, order)
        let rest = columns.lowerBound..<order
        DenseAlgebra.multiply(
          inputs.block(rows: all, columns: columns), inputs.block(rows: all, columns: rest),
          transposing: .left, beta: 1, into: total.block(rows: columns, columns: rest))
        Self.addMagnitudes(inputs, columns: columns, to: magnitudeSums, maxima)
      }
    }
    rowCount += inputs.rows
  }

  /// Adds the magnitudes of some columns; a batch is summed in float32, batches in float64.
  private static func addMagnitudes(
    _ inputs: MatrixView<Float>, columns: Range<Int>, to sums: UnsafeMutablePointer<Double>,
    _ maxima: UnsafeMutablePointer<Float>
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: columns.count) { batch in
      guard let batch = batch.baseAddress else { return }
      let count = columns.count
      batch.initialize(repeating: 0, count: count)
      let largest = maxima + columns.lowerBound
      for row in 0..<inputs.rows {
        let values = inputs.row(row) + columns.lowerBound
        for index in 0..<count {
          let magnitude = abs(values[index])
          batch[index] += magnitude
          largest[index] = largest[index] < magnitude ? magnitude : largest[index]
        }
      }
      for index in 0..<count { sums[columns.lowerBound + index] += Double(batch[index]) }
    }
  }

  /// The mean over all rows, the matrix multiplied by `factor`. Ends the accumulation.
  package consuming func finish(times factor: Float = 1) -> GramMatrix {
    let share = 1 / Float(max(1, rowCount))
    for index in 0..<sums.count { sums.pointer[index] *= share }
    DenseAlgebra.mirrorUpper(MatrixView(sums, rows: order, columns: order))
    let deviation = check.deviation(of: sums, rowCount: rowCount)
    if factor != 1 { for index in 0..<sums.count { sums.pointer[index] *= factor } }
    return GramMatrix(
      order: order, values: sums,
      magnitudes: ActivationMagnitudes(
        means: magnitudeSums.buffer.map { Float($0 / Double(max(1, rowCount))) },
        maxima: Array(maxima.buffer)),
      deviation: deviation)
  }
}
