import QuireCalibration
import QuireFiles
import QuireModel
package import QuireTensors

/// The values that one format can give a weight: the scale of a group and the code of a weight in it.
///
/// Every quantization method takes scales and codes from here, so that all share one grid that exports bit for bit.
/// Scales are rounded to values that both bf16 and fp16 represent **before** codes are chosen.
///
/// An asymmetric grid reaches from the least weight of a group to the greatest (`GroupScale`). A symmetric one is
/// centred: int8 puts the largest weight of a group on code 127 (as GGUF's Q8_0 does); int4 on 7.5, half a step beyond code
/// 7 and half a step inside -8 (as compressed-tensors does), so that no weight moves by more than half a step,
/// apart from the rounding of the scale. Root mean square error relative to the weights, int4, measured:
///
/// | largest weight on | Gaussian g32 | g64 | g128 | demo model g32 | g64 | g128 |
/// |---|---|---|---|---|---|---|
/// | 7 | 9.70% | 10.77% | 11.74% | 9.72% | 10.79% | 11.77% |
/// | 7.5 | 9.47% | 10.28% | 11.08% | 9.49% | 10.30% | 11.11% |
/// | 8, positive outliers cut | 9.37% | 9.93% | 10.56% | 9.39% | 9.95% | 10.58% |
/// | the best of 11 ratios per group | 8.67% | 9.52% | 10.13% | 8.68% | 9.54% | 10.16% |
///
/// Why not the others: 8 has a slightly smaller error but clips every second outlier by a whole step, and language
/// models depend on outliers; a search per group is a separate method, not `nearest`.
///
/// In a non-linear scheme (`LevelTable`) the largest weight of a group gets the level of largest magnitude, −127: the
/// scale has the opposite sign of that weight.
package struct CodeGrid: Sendable {
  package let format: WeightFormat
  /// The code or level, not necessarily an integer, whose magnitude the largest weight of a group is mapped to.
  package let largestCode: Float
  package let codes: ClosedRange<Int32>
  /// nil where weights are multiples of their scale.
  let table: LevelTable?

  package init(_ format: WeightFormat) {
    precondition(format.scheme != .bf16, "bf16 has no codes")
    self.format = format
    table = LevelTable.of(format)
    largestCode = format.scheme == .int4 ? 7.5 : -(table?.first ?? -127)
    codes = Int32(format.codeRange.lowerBound)...Int32(format.codeRange.upperBound)
  }

  /// Whether the grid reaches farther on one side of 0, so that the sign of a scale matters.
  var isLopsided: Bool { table != nil || (format.isSymmetric && format.scheme == .int4) }

  /// The scale of a group whose largest magnitude is `largest`; 0 for a group of zeros.
  package func scale(largest: Float) -> Float {
    representableScale(largest / largestCode)
  }

  /// The largest weight that a code and a scale can represent; larger ones would be clipped.
  var largestWeight: Float { representableScale(.greatestFiniteMagnitude) * largestCode }

  /// The weight that a code stands for.
  @inline(__always)
  func weight(of code: Int8, _ group: GroupScale) -> Float {
    if let table { return table.level(of: code) * group.scale }
    return Float(Int32(code) &- group.zero) * group.scale
  }

  /// Rounds `count` weights to the nearest codes, ties to even (of a table: to the upper level).
  package func encode(
    _ weights: UnsafePointer<Float>, count: Int, _ group: GroupScale,
    into codes: UnsafeMutablePointer<Int8>
  ) {
    let (scale, zero) = (group.scale, group.zero)
    guard scale != 0 else { return codes.update(repeating: 0, count: count) }
    if let table { return table.encode(weights, count: count, scale: scale, into: codes) }
    let (lowest, highest) = (self.codes.lowerBound, self.codes.upperBound)
    // The choice of the scale keeps quotients far below 2²².
    for index in 0..<count {
      let rounded = Self.rounded(weights[index] / scale) &+ zero
      codes[index] = Int8(truncatingIfNeeded: min(max(rounded, lowest), highest))
    }
  }

  /// The code nearest to one weight, which may be far outside of the grid, ties to even. NaN gets a code too.
  func code(of weight: Float, _ group: GroupScale) -> Int8 {
    guard group.scale != 0 else { return 0 }
    if let table { return table.code(nearest: weight / group.scale) }
    let far: Float = 1024
    let rounded = Self.rounded(max(min(weight / group.scale, far), -far)) &+ group.zero
    return Int8(truncatingIfNeeded: min(max(rounded, codes.lowerBound), codes.upperBound))
  }

  /// The nearest integer, ties to even, of a number below 2²² in magnitude.
  ///
  /// Adding 1.5·2²³ leaves it in the low bits of the sum: what `rint` does, but in code that the compiler turns into
  /// vectors on any CPU.
  @inline(__always)
  static func rounded(_ number: Float) -> Int32 {
    let shift: Float = 12_582_912
    return Int32(bitPattern: (number + shift).bitPattern) &- Int32(bitPattern: shift.bitPattern)
  }

  /// The largest magnitude; infinite or NaN when any value is.
  package static func largestMagnitude(_ values: UnsafePointer<Float>, count: Int) -> Float {
    // Magnitudes of floats order like their bit patterns, and NaN above all: an integer maximum vectorizes.
    var largest: Int32 = 0
    for index in 0..<count {
      largest = max(largest, Int32(bitPattern: values[index].bitPattern & 0x7fff_ffff))
    }
    return Float(bitPattern: UInt32(bitPattern: largest))
  }
}

extension CodeGrid {
  /// Why a matrix cannot be quantized.
  func refusal(of weights: WeightMatrix, named name: String, _ kernels: Kernels) -> OptimizationError {
    let row = HostBuffer<Float>(count: weights.columns)
    var largest: Float = 0
    for index in 0..<weights.rows {
      weights.dequantizeRow(index, into: row.pointer, kernels: kernels)
      let rowsLargest = Self.largestMagnitude(row.pointer, count: weights.columns)
      // Row by row, because `max` may miss a NaN.
      guard rowsLargest.isFinite else { return .notFinite(what: "the tensor \(name)") }
      largest = max(largest, rowsLargest)
    }
    return .tooLarge(tensor: name, value: largest, limit: largestWeight)
  }
}
