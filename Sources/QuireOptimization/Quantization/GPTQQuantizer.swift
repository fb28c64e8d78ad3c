package import QuireCalibration
import QuireFiles
import QuireModel
package import QuireTensors

/// Rounds input by input; the inputs still to come compensate the rounding error of those before them.
///
/// Minimizes the error of the output on calibration activations instead of that of the weights (GPTQ, arXiv
/// 2210.17323), with static activation order: inputs are solved by falling mean square, but groups are those of the
/// matrix as it is stored, and their scales are fixed beforehand. So the result is an ordinary matrix of
/// `CodeGrid`, without a permutation.
///
///     guard let factor = InverseFactor(gram) else { … nearest … }
///     let result = try GPTQQuantizer(.int4(group: 128)).quantize(weights, gram, factor, named: name, compute)
///
/// Rows are independent and processed in bands of fixed height, so the result does not depend on the thread count.
package struct GPTQQuantizer: Sendable {
  package let grid: CodeGrid
  private let rowScales: RowScales
  private let refitRounds: Int

  /// Inputs solved one by one before the rest is updated in one product.
  private static let blockColumns = 128
  /// Rows of a thread at a time: whole panels; U is read once for each.
  package static let bandRows = 128

  /// Multiply-adds for each weight with a row of a square matrix, in units of its order: half in `solve` and in
  /// `measure`, three for the target, and one for the residuals and for each round of `refit`.
  package static func productsPerWeight(refitRounds: Int, isAimed: Bool) -> Double {
    1 + (isAimed ? 3 : 0) + (refitRounds > 0 ? 1 + Double(refitRounds) : 0)
  }

  /// Bytes that a thread holds for one band, plus the codes while they are laid out.
  package static func bandBytes(columns: Int, isAimed: Bool = false, refits: Bool = false) -> Int {
    GPTQBand.byteCount(rowLimit: bandRows, columns: columns, isAimed: isAimed, refits: refits)
      + bandRows * columns
  }

  /// - Parameters:
  ///   - importances: as for `NearestQuantizer`
  ///   - refitRounds: how many times scales and codes are chosen again afterwards
  package init(_ format: WeightFormat, importances: [Float]? = nil, refitRounds: Int = 0) {
    grid = CodeGrid(format)
    self.refitRounds = refitRounds
    rowScales = RowScales(grid: grid, importances: importances)
  }

  /// A quantized matrix and its rounding errors.
  package struct Result: Sendable {
    package let matrix: QuantizedMatrix
    /// Root mean square error of the weights, relative to their root mean square.
    package let relativeError: Double
    /// Root mean square error of the output on the calibration activations (and the damping), relative to the
    /// output's root mean square; with a target, the difference to it.
    package let outputError: Double
  }

  /// Quantizes `weights`, whose inputs have the statistics `gram` and `factor`.
  ///
  /// Throws when a weight is NaN, infinite or too large, or when the format does not fit the width.
  ///
  /// - Parameter target: nil for the output that the weights have for the inputs of `gram`
  package func quantize(
    _ weights: WeightMatrix, _ gram: GramMatrix, _ factor: InverseFactor, target: AsymmetricTarget? = nil,
    named name: String, _ compute: Compute
  ) throws(OptimizationError) -> Result {
    precondition(
      gram.order == weights.columns && factor.order == weights.columns, "H must be (inputs, inputs)")
    do throws(TensorError) { try grid.format.validate(columns: weights.columns, name: name) } catch {
      throw .tensor(error)
    }
    let output = MatrixAssembly(rows: weights.rows, columns: weights.columns, format: grid.format)
    let losses = HostBuffer<OutputCost>(count: weights.rows)
    let bandCount = (weights.rows + Self.bandRows - 1) / Self.bandRows
    compute.team.run { thread, count in
      let band = GPTQBand(
        of: weights, rowLimit: min(Self.bandRows, weights.rows), blockColumns: Self.blockColumns,
        scaledBy: rowScales, isAimed: target != nil, refits: refitRounds > 0, kernels: compute.kernels)
      for index in ThreadTeam.range(of: bandCount, share: thread, count: count) {
        let rows = (index * Self.bandRows)..<min((index + 1) * Self.bandRows, weights.rows)
        band.load(rows, aimedAt: target, factor)
        band.solve(factor, blockColumns: Self.blockColumns)
        band.refit(
          gram, damping: Float(factor.dampingValue), rounds: refitRounds, blockColumns: Self.blockColumns)
        band.measure(gram, damping: factor.dampingValue, into: losses.pointer + rows.lowerBound)
        band.costs(into: output.rowCosts.pointer + rows.lowerBound)
        output.store(band.codes, band.scales, rows: rows)
      }
    }
    let cost = output.cost
    guard cost.squaredWeights.isFinite else { throw grid.refusal(of: weights, named: name, compute.kernels) }
    return Result(
      matrix: output.matrix, relativeError: cost.relativeError,
      outputError: OutputCost.relativeError(losses.buffer))
  }
}

/// Mean squares of one row's output and its error.
struct OutputCost: BitwiseCopyable {
  var error = 0.0
  var energy = 0.0

  static func relativeError(_ rows: UnsafeMutableBufferPointer<OutputCost>) -> Double {
    let (error, energy) = rows.reduce((0.0, 0.0)) { ($0.0 + $1.error, $0.1 + $1.energy) }
    return energy > 0 ? (error / energy).squareRoot() : 0
  }
}
