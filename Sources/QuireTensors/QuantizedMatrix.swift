import CKernels

/// An integer matrix in the layout that kernels read and packs store (see `blocks.h`).
// Unchecked: read-only memory kept alive by `owner`.
package final class QuantizedMatrix: @unchecked Sendable {
  package let rows: Int  // output channels
  package let columns: Int  // inputs
  package let format: WeightFormat
  package let codes: UnsafeRawBufferPointer  // [rows/32][columns/4][32][4], int4, nl4: half of it, nl3: 3/8
  package let scales: UnsafeBufferPointer<UInt16>  // bf16 or float16, [rows/32][columns/group][32]
  /// Empty where the format is symmetric.
  package let zeros: UnsafeRawBufferPointer  // [rows/32][columns/group][32], int4: half of it
  private let owner: AnyObject

  /// Wraps memory in kernel layout; throws a sentence when the parts do not fit the shape.
  package init(
    rows: Int, columns: Int, format: WeightFormat, codes: UnsafeRawBufferPointer,
    scales: UnsafeBufferPointer<UInt16>, zeros: UnsafeRawBufferPointer = .init(start: nil, count: 0),
    owner: AnyObject
  ) throws(TensorError) {
    precondition(format.scheme != .bf16, "bf16 matrices are dense")
    try format.validate(columns: columns, name: "matrix \(rows)x\(columns)")
    let codeBytes = format.codeByteCount(rows: rows, columns: columns)
    let scaleCount = format.scaleCount(rows: rows, columns: columns)
    guard codes.count == codeBytes, scales.count == scaleCount else {
      throw .format(
        "a \(rows)x\(columns) matrix in \(format) has \(codeBytes) code bytes and \(scaleCount) scales, found \(codes.count) and \(scales.count)"
      )
    }
    let zeroBytes = format.zeroByteCount(rows: rows, columns: columns)
    guard zeros.count == zeroBytes else {
      throw .format(
        "a \(rows)x\(columns) matrix in \(format) has \(zeroBytes) bytes of zero points, found \(zeros.count)"
      )
    }
    self.rows = rows
    self.columns = columns
    self.format = format
    self.codes = codes
    self.scales = scales
    self.zeros = zeros
    self.owner = owner
  }

  package var groupSize: Int { format.group ?? columns }
  package var groupCount: Int { columns / groupSize }
  package var byteCount: Int { codes.count + scales.count * 2 + zeros.count }

  /// Throws when a scale is infinite or undefined; it may be negative.
  package func checkScales() throws(TensorError) {
    let exponent: UInt16 = format.scaleType == .float16 ? 0x7C00 : 0x7F80
    guard scales.contains(where: { $0 & exponent == exponent }) else { return }
    throw .format(
      "expected finite scales, found one that is infinite or undefined; convert the checkpoint again")
  }

  /// Scales of the smallest magnitude that is chosen: nearly all of them would be smaller if formats allowed it.
  package var smallestScaleCount: Int {
    let bits = format.scaleType == .float16 ? smallestScale.halfBits : smallestScale.bfloat16Bits
    return scales.count { $0 & 0x7FFF == bits }
  }

  /// The same matrix as the kernels' structure.
  var kernelWeights: quire_weights {
    quire_weights(
      codes: codes.bindMemory(to: UInt8.self).baseAddress, scales: scales.baseAddress,
      zeros: zeros.isEmpty ? nil : zeros.bindMemory(to: UInt8.self).baseAddress, rows: Int32(rows),
      columns: Int32(columns),
      group: Int32(groupSize), layout: format.scheme.layout,
      has_half_scales: format.scaleType == .float16 ? 1 : 0)
  }
}
