import QuireCheckpoints
import QuireTensors

extension WeightFormat {
  /// The format that holds a grid exactly; nil where none does: columns out of order, other group sizes, scales of more
  /// precision than 16 bits, a zero point that is no code.
  init?(holding grid: GridScales) {
    guard grid.groupOfColumn == nil,
      let scaleType = grid.scales.withUnsafeBufferPointer({ ScaleType.holding($0) })
    else { return nil }
    let codes: Int32 = grid.scheme == .int8 ? 256 : 16
    let isSymmetric = grid.scheme.isNonlinear || grid.zeros.allSatisfy { $0 == codes / 2 }
    guard isSymmetric || grid.zeros.allSatisfy({ (0..<codes).contains($0) }) else { return nil }
    self.init(
      scheme: grid.scheme, width: grid.columns / grid.groupCount, columns: grid.columns,
      isSymmetric: isSymmetric,
      scaleType: scaleType)
  }

  /// - Parameter width: columns that share a scale. A format has the same, a divisor of it, or all columns.
  init?(scheme: Scheme, width: Int, columns: Int, isSymmetric: Bool, scaleType: ScaleType) {
    let isWhole = scheme == .int8 && width == columns
    let group = isWhole ? nil : Self.groups.sorted(by: >).first { width % $0 == 0 }
    guard isWhole || group != nil else { return nil }
    let format = WeightFormat(
      scheme: scheme, group: group, isSymmetric: isSymmetric, scaleType: scaleType)
    do { try format.validate(columns: columns, name: "") } catch { return nil }
    self = format
  }
}

extension StoredGrid {
  /// The matrix with exactly these codes, scales and zero points; nil where no weight format holds them.
  func matrix() throws(TensorError) -> QuantizedMatrix? {
    guard let format = WeightFormat(holding: grid) else { return nil }
    // A larger group is several of the kernels' with the same scale.
    let repeats = grid.columns / (format.group ?? grid.columns) / grid.groupCount
    let scales = grid.scales.flatMap { [Float](repeating: $0, count: repeats) }
    let zeros = grid.zeros.flatMap { [UInt8](repeating: UInt8($0), count: repeats) }
    return try scales.withPointer { scales throws(TensorError) in
      try zeros.withPointer { zeros throws(TensorError) in
        try QuantizedMatrix.encode(
          unsignedCodes: codes.pointer, zeros: format.isSymmetric ? nil : zeros, scales: scales,
          rows: grid.rows,
          columns: grid.columns, format: format)
      }
    }
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
