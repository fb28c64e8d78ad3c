import QuireCheckpoints
import QuireTensors

extension StoredGrid {
  /// The matrix with exactly these codes, scales and zero points; nil where no weight format holds them: columns out of
  /// order, other group sizes, scales of more precision than 16 bits, a zero point that is no code.
  func matrix() throws(TensorError) -> QuantizedMatrix? {
    guard groupOfColumn == nil, let group = Self.kernelGroup(columns / groupCount, columns, bits) else {
      return nil
    }
    guard let scaleType = scales.withUnsafeBufferPointer({ WeightFormat.ScaleType.holding($0) }) else {
      return nil
    }
    let middle = Int32(1 << (bits - 1))
    let isSymmetric = zeros.allSatisfy { $0 == middle }
    guard isSymmetric || zeros.allSatisfy({ (0..<1 << bits).contains(Int($0)) }) else { return nil }
    let format = WeightFormat(
      scheme: bits == 4 ? .int4 : .int8, group: group, isSymmetric: isSymmetric, scaleType: scaleType)
    do { try format.validate(columns: columns, name: "") } catch { return nil }
    // A larger group is several of the kernels' with the same scale.
    let repeats = columns / (group ?? columns) / groupCount
    let wideScales = repeats == 1 ? scales : scales.flatMap { [Float](repeating: $0, count: repeats) }
    let codeZeros = isSymmetric ? nil : zeros.flatMap { [UInt8](repeating: UInt8($0), count: repeats) }
    return try codeZeros.withOptionalPointer { zeros throws(TensorError) in
      try wideScales.withPointer { scales throws(TensorError) in
        try QuantizedMatrix.encode(
          unsignedCodes: codes.pointer, zeros: zeros, scales: scales, rows: rows, columns: columns,
          format: format)
      }
    }
  }

  /// The group of a weight format for a stored group: the same, a divisor of it, or nil for one scale per output channel.
  /// The outer nil: no format.
  static func kernelGroup(_ width: Int, _ columns: Int, _ bits: Int) -> Int?? {
    if bits == 8, width == columns { return .some(nil) }
    if let group = WeightFormat.groups.sorted(by: >).first(where: { width % $0 == 0 }) { return .some(group) }
    return nil
  }
}

extension Array {
  /// `withUnsafeBufferPointer` with typed errors and a base address that is never nil.
  fileprivate func withPointer<Result>(
    _ body: (UnsafePointer<Element>) throws(TensorError) -> Result
  ) throws(TensorError) -> Result {
    try withUnsafeBufferPointer { buffer throws(TensorError) in
      guard let base = buffer.baseAddress else { throw .format("expected a matrix with groups, found none") }
      return try body(base)
    }
  }
}

extension Optional {
  fileprivate func withOptionalPointer<Element, Result>(
    _ body: (UnsafePointer<Element>?) throws(TensorError) -> Result
  ) throws(TensorError) -> Result where Wrapped == [Element] {
    guard let self else { return try body(nil) }
    return try self.withPointer(body)
  }
}
