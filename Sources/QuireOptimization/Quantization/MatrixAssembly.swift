import QuireCalibration
import QuireFiles
import QuireModel
import QuireTensors

/// A quantized matrix under construction; each thread fills its own bands.
// Unchecked: bands do not overlap, and the result is read after the team has finished.
final class MatrixAssembly: @unchecked Sendable {
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

  /// Stores a band in the kernels' layout. Panels are contiguous, so a band that begins on a panel is a contiguous
  /// part of the whole.
  func store(_ codes: HostBuffer<Int8>, _ scales: HostBuffer<Float>, rows: Range<Int>) {
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

  /// The sum over all rows, in their order.
  var cost: RoundingCost {
    var sum = RoundingCost()
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

/// Sums of squares over rounded weights.
struct RoundingCost {
  var squaredError = 0.0
  var squaredWeights = 0.0

  /// Root mean square error relative to the root mean square of the weights.
  var relativeError: Double {
    squaredWeights > 0 ? (squaredError / squaredWeights).squareRoot() : 0
  }

  /// Adds a group, in four lanes so that the sums do not depend on each other.
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
