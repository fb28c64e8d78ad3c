package import QuireTensors

/// Rounds every weight of a matrix to the nearest code of its group.
///
///     let result = try NearestQuantizer(.int4(group: 128)).quantize(weights, named: "lm_head.weight", compute)
///
/// Works through bands of rows, so that beside the result only a band per thread is held. Deterministic: each
/// row is treated alone, so the thread count does not matter.
package struct NearestQuantizer: Sendable {
  package let grid: CodeGrid

  /// Rows a thread takes at a time: whole panels, and few enough for its codes to stay in cache.
  private static let bandRows = 64

  package init(_ format: WeightFormat) {
    grid = CodeGrid(format)
  }

  /// A quantized matrix and what the rounding cost.
  package struct Result: Sendable {
    package let matrix: QuantizedMatrix
    /// Root mean square error relative to the root mean square of the weights.
    package let relativeError: Double
  }

  /// Quantizes `weights`; throws when a weight is NaN or infinite, or when the format does not fit the width.
  package func quantize(
    _ weights: WeightMatrix, named name: String, _ compute: Compute
  ) throws(OptimizationError) -> Result {
    let (rows, columns, format) = (weights.rows, weights.columns, grid.format)
    do throws(TensorError) { try format.validate(columns: columns, name: name) } catch {
      throw .tensor(error)
    }
    let output = Output(rows: rows, columns: columns, format: format)
    let bands = (rows + Self.bandRows - 1) / Self.bandRows
    compute.team.run { thread, count in
      for band in ThreadTeam.range(of: bands, thread: thread, count: count) {
        let range = (band * Self.bandRows)..<min((band + 1) * Self.bandRows, rows)
        quantize(weights, rows: range, kernels: compute.kernels, into: output)
      }
    }
    let (error, energy) = output.costs
    guard energy.isFinite else { throw .notFinite(what: "the tensor \(name)") }
    return Result(matrix: output.matrix, relativeError: energy > 0 ? (error / energy).squareRoot() : 0)
  }

  /// Quantizes a band of rows that begins on a panel.
  private func quantize(
    _ weights: WeightMatrix, rows: Range<Int>, kernels: Kernels, into output: Output
  ) {
    let columns = weights.columns
    let groups = columns / (grid.format.group ?? columns)
    let row = HostBuffer<Float>(count: columns)
    let codes = HostBuffer<Int8>(count: rows.count * columns)  // (row, column)
    let scales = HostBuffer<Float>(count: rows.count * groups)  // (row, group)
    for (line, index) in rows.enumerated() {
      weights.dequantizeRow(index, into: row.pointer, kernels: kernels)
      output.rowCosts.pointer[index] = quantizeRow(
        row.pointer, columns: columns, codes: codes.pointer + line * columns,
        scales: scales.pointer + line * groups)
    }
    output.place(codes, scales, rows: rows)
  }

  /// One row: a scale for each group, then codes. The cost is infinite when a weight is not finite.
  private func quantizeRow(
    _ row: UnsafePointer<Float>, columns: Int, codes: UnsafeMutablePointer<Int8>,
    scales: UnsafeMutablePointer<Float>
  ) -> RoundingCost {
    let groupSize = grid.format.group ?? columns
    var cost = RoundingCost()
    for group in 0..<(columns / groupSize) {
      let weights = row + group * groupSize
      let largest = CodeGrid.largestMagnitude(weights, count: groupSize)
      guard largest.isFinite else { return RoundingCost(squaredWeights: .infinity) }
      let scale = grid.scale(largest: largest)
      scales[group] = scale
      grid.encode(weights, count: groupSize, scale: scale, into: codes + group * groupSize)
      cost.add(weights, codes + group * groupSize, count: groupSize, scale: scale)
    }
    return cost
  }
}

extension NearestQuantizer {
  /// The matrix in the making; each thread fills bands of its own.
  // Unchecked: bands do not overlap, and the result is read after the team has finished.
  private final class Output: @unchecked Sendable {
    let rows: Int
    let columns: Int
    let format: WeightFormat
    let codes: HostBuffer<UInt8>  // kernel layout
    let scales: HostBuffer<UInt16>  // kernel layout
    let rowCosts: HostBuffer<RoundingCost>  // (row)

    init(rows: Int, columns: Int, format: WeightFormat) {
      self.rows = rows
      self.columns = columns
      self.format = format
      codes = HostBuffer(count: format.codeByteCount(rows: rows, columns: columns))
      scales = HostBuffer(count: format.scaleCount(rows: rows, columns: columns))
      rowCosts = HostBuffer(count: rows)
    }

    /// Lays a band out as the kernels want it. Panels follow each other, so that a band that begins on one is a
    /// piece of the whole.
    func place(_ codes: HostBuffer<Int8>, _ scales: HostBuffer<Float>, rows: Range<Int>) {
      do throws(TensorError) {
        let band = try QuantizedMatrix.encode(
          codes: codes.pointer, scales: scales.pointer, rows: rows.count, columns: columns, format: format)
        let codeOffset = format.codeByteCount(rows: rows.lowerBound, columns: columns)
        let scaleOffset = format.scaleCount(rows: rows.lowerBound, columns: columns)
        UnsafeMutableRawBufferPointer(rebasing: self.codes.bytes[codeOffset...]).copyMemory(from: band.codes)
        _ = UnsafeMutableBufferPointer(rebasing: self.scales.buffer[scaleOffset...]).update(from: band.scales)
      } catch {
        preconditionFailure("the format was validated: \(error)")
      }
    }

    var costs: (squaredError: Double, squaredWeights: Double) {
      var sum = (squaredError: 0.0, squaredWeights: 0.0)
      for row in 0..<rows {
        sum.squaredError += rowCosts.pointer[row].squaredError
        sum.squaredWeights += rowCosts.pointer[row].squaredWeights
      }
      return sum
    }

    var matrix: QuantizedMatrix {
      do throws(TensorError) {
        return try QuantizedMatrix(
          rows: rows, columns: columns, format: format, codes: UnsafeRawBufferPointer(codes.bytes),
          scales: UnsafeBufferPointer(scales.buffer), owner: self)
      } catch {
        preconditionFailure("the format was validated: \(error)")
      }
    }
  }
}

/// Sums of squares over rounded weights.
struct RoundingCost {
  var squaredError = 0.0
  var squaredWeights = 0.0

  /// Adds a group, in four lanes so that the sums need not wait for each other.
  mutating func add(
    _ weights: UnsafePointer<Float>, _ codes: UnsafePointer<Int8>, count: Int, scale: Float
  ) {
    var errors = SIMD4<Float>()
    var energies = SIMD4<Float>()
    var index = 0
    while index + 4 <= count {
      let weight = SIMD4(weights[index], weights[index + 1], weights[index + 2], weights[index + 3])
      let code = SIMD4(
        Float(codes[index]), Float(codes[index + 1]), Float(codes[index + 2]), Float(codes[index + 3]))
      let difference = weight - code * scale
      errors += difference * difference
      energies += weight * weight
      index += 4
    }
    squaredError += Double(errors.sum())
    squaredWeights += Double(energies.sum())
    for index in index..<count {
      let difference = Double(weights[index]) - Double(codes[index]) * Double(scale)
      squaredError += difference * difference
      squaredWeights += Double(weights[index]) * Double(weights[index])
    }
  }
}
