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
  private let parts: QuantizedMatrix.Parts
  let rowCosts: HostBuffer<RoundingCost>  // (row)

  init(rows: Int, columns: Int, format: WeightFormat) {
    self.rows = rows
    self.columns = columns
    self.format = format
    parts = QuantizedMatrix.Parts(format, rows: rows, columns: columns)
    rowCosts = HostBuffer(count: rows)
  }

  /// Stores a band in the kernels' layout. Panels are contiguous, so a band that begins on a panel is a contiguous
  /// part of the whole.
  func store(_ codes: HostBuffer<Int8>, _ groups: HostBuffer<GroupScale>, rows: Range<Int>) {
    let used = groups.buffer.prefix(rows.count * (columns / (format.group ?? columns)))
    let scales = used.map(\.scale)
    let zeros: [Int8]? = format.isSymmetric ? nil : used.map { Int8(truncatingIfNeeded: $0.zero) }
    do throws(TensorError) {
      let band = try QuantizedMatrix.encode(
        codes: codes.pointer, scales: scales, zeros: zeros, rows: rows.count, columns: columns, format: format
      )
      func copy(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, from offset: Int
      ) {
        UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: source)
      }
      copy(
        band.codes, into: parts.codes.bytes,
        from: format.codeByteCount(rows: rows.lowerBound, columns: columns))
      copy(
        UnsafeRawBufferPointer(band.scales), into: parts.scales.bytes,
        from: 2 * format.scaleCount(rows: rows.lowerBound, columns: columns))
      copy(
        band.zeros, into: parts.zeros.bytes,
        from: format.zeroByteCount(rows: rows.lowerBound, columns: columns))
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
        rows: rows, columns: columns, format: format, codes: UnsafeRawBufferPointer(parts.codes.bytes),
        scales: UnsafeBufferPointer(parts.scales.buffer), zeros: UnsafeRawBufferPointer(parts.zeros.bytes),
        owner: parts)
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

  /// Adds a group of a grid.
  mutating func add(
    _ weights: UnsafePointer<Float>, _ codes: UnsafePointer<Int8>, count: Int, _ group: GroupScale,
    _ grid: CodeGrid
  ) {
    if let table = grid.table {
      add(weights, count: count) { table.level(of: codes[$0]) * group.scale }
    } else {
      let zero = Float(group.zero)
      add(weights, count: count) { (Float(codes[$0]) - zero) * group.scale }
    }
  }

  /// In four lanes, so that the sums do not depend on each other.
  @inline(__always)
  private mutating func add(
    _ weights: UnsafePointer<Float>, count: Int, _ rounded: (_ index: Int) -> Float
  ) {
    var errors = SIMD4<Float>()
    var energies = SIMD4<Float>()
    var index = 0
    while index + 4 <= count {
      let weight = SIMD4(weights[index], weights[index + 1], weights[index + 2], weights[index + 3])
      let difference =
        weight - SIMD4(rounded(index), rounded(index + 1), rounded(index + 2), rounded(index + 3))
      errors += difference * difference
      energies += weight * weight
      index += 4
    }
    squaredError += Double(errors.sum())
    squaredWeights += Double(energies.sum())
    for index in index..<count {
      let difference = Double(weights[index]) - Double(rounded(index))
      squaredError += difference * difference
      squaredWeights += Double(weights[index]) * Double(weights[index])
    }
  }
}
