import CKernels

/// Encodes weight blocks: codes, scales and zero points in the kernels' layout.
extension QuantizedMatrix {
  /// Converts signed codes, as the quantization methods choose them, to the kernels' layout.
  /// - Parameters:
  ///   - codes: [rows][columns], within `format.codeRange`.
  ///   - scales: [rows][groups], values that the format's scale type holds exactly (`representableScale`).
  ///   - zeros: [rows][groups], the signed code of weight 0, of the same range; nil exactly when the format is
  ///     symmetric, whose weight 0 has code 0.
  package static func encode(
    codes: UnsafePointer<Int8>, scales: UnsafePointer<Float>, zeros: UnsafePointer<Int8>? = nil, rows: Int,
    columns: Int, format: WeightFormat
  ) throws(TensorError) -> QuantizedMatrix {
    precondition((zeros == nil) == format.isSymmetric, "\(format) and its zero points differ")
    // Signed and unsigned codes differ by the unsigned code of 0: a sum of bit patterns, -128 + 128 is 0.
    let offset = format.symmetricZero
    let groupCount = columns / max(1, format.group ?? columns)
    let unsignedZeros = zeros.map { zeros in
      (0..<rows * groupCount).map { UInt8(bitPattern: zeros[$0]) &+ offset }
    }
    return try encoded(rows: rows, columns: columns, format: format, scales: scales, zeros: unsignedZeros) {
      UInt8(bitPattern: codes[$0]) &+ offset
    }
  }

  /// Converts unsigned codes, scales and zero points, as other quantizers store them. Nothing is rounded: throws a
  /// sentence when a code or a zero point is too large or a scale is not exactly of the format's scale type.
  ///
  ///     let matrix = try QuantizedMatrix.encode(
  ///       unsignedCodes: codes, zeros: zeros, scales: scales, rows: 4096, columns: 4096,
  ///       format: .int4(group: 128, isSymmetric: false, scaleType: .float16))
  ///
  /// - Parameters:
  ///   - unsignedCodes: [rows][columns], 0…15 for int4 and nl4, 0…7 for nl3, 0…255 for int8.
  ///   - zeros: [rows][groups], the code of weight 0, of the same range; nil exactly when the format is symmetric, whose
  ///     weight 0 has code 8 or 128.
  ///   - scales: [rows][groups].
  package static func encode(
    unsignedCodes codes: UnsafePointer<UInt8>, zeros: UnsafePointer<UInt8>?, scales: UnsafePointer<Float>,
    rows: Int, columns: Int, format: WeightFormat
  ) throws(TensorError) -> QuantizedMatrix {
    precondition((zeros == nil) == format.isSymmetric, "\(format) and its zero points differ")
    let name = "matrix \(rows)x\(columns)"
    try format.validate(columns: columns, name: name)
    let groups = columns / (format.group ?? columns)
    let largest = format.largestUnsignedCode
    func check(_ what: String, _ values: UnsafePointer<UInt8>, width: Int) throws(TensorError) {
      guard let at = (0..<rows * width).first(where: { values[$0] > largest }) else { return }
      throw .format(
        "\(name): expected \(what) of \(format) from 0 to \(largest), found \(values[at]) in row \(at / width)"
      )
    }
    try check("codes", codes, width: columns)
    if let zeros { try check("zero points", zeros, width: groups) }
    if let at = (0..<rows * groups).first(where: { !format.scaleType.holds(scales[$0]) }) {
      throw .format(
        "\(name): expected scales that \(format.scaleType.rawValue) holds exactly, found \(scales[at]) in row \(at / groups)"
      )
    }
    let zeroPoints = zeros.map { Array(UnsafeBufferPointer(start: $0, count: rows * groups)) }
    return try encoded(rows: rows, columns: columns, format: format, scales: scales, zeros: zeroPoints) {
      codes[$0]
    }
  }

  /// - Parameter code: the unsigned code at an index of [rows][columns].
  @inline(__always)
  private static func encoded(
    rows: Int, columns: Int, format: WeightFormat, scales: UnsafePointer<Float>,
    zeros: [UInt8]?, code: (Int) -> UInt8
  ) throws(TensorError) -> QuantizedMatrix {
    try format.validate(columns: columns, name: "matrix \(rows)x\(columns)")
    let parts = Parts(format, rows: rows, columns: columns)
    let shape = (rows: rows, columns: columns, panels: panelCount(rows: rows))
    switch format.scheme {
    case .bf16, .int8: place8(shape, into: parts.codes.pointer, code)
    case .int4, .nl4: place4(shape, into: parts.codes.pointer, code)
    case .nl3: place3(shape, into: parts.codes.pointer, code)
    }
    let groups = columns / (format.group ?? columns)
    for row in 0..<rows {
      for group in 0..<groups {
        let scale = scales[row * groups + group]
        parts.scales.pointer[(row / 32 * groups + group) * 32 + row % 32] = format.scaleType.bits(scale)
      }
    }
    if let zeros { place(zeros, rows: rows, groups: groups, format, into: parts.zeros) }
    return try QuantizedMatrix(
      rows: rows, columns: columns, format: format, codes: UnsafeRawBufferPointer(parts.codes.bytes),
      scales: UnsafeBufferPointer(parts.scales.buffer), zeros: UnsafeRawBufferPointer(parts.zeros.bytes),
      owner: parts)
  }

  /// Memory for a matrix in the kernels' layout.
  package final class Parts: Sendable {
    package let codes: HostBuffer<UInt8>
    package let scales: HostBuffer<UInt16>
    package let zeros: HostBuffer<UInt8>

    package init(_ format: WeightFormat, rows: Int, columns: Int) {
      codes = HostBuffer(count: format.codeByteCount(rows: rows, columns: columns))
      scales = HostBuffer(count: format.scaleCount(rows: rows, columns: columns))
      zeros = HostBuffer(count: format.zeroByteCount(rows: rows, columns: columns))
    }
  }

  typealias Shape = (rows: Int, columns: Int, panels: Int)

  /// Missing channels of the last panel get the code of weight 0, so that every byte of a pack is determined.
  @inline(__always)
  private static func place8(
    _ shape: Shape, into out: UnsafeMutablePointer<UInt8>, _ code: (Int) -> UInt8
  ) {
    var next = out
    for panel in 0..<shape.panels {
      for quad in 0..<shape.columns / 4 {
        for channel in panel * 32..<panel * 32 + 32 {
          for k in quad * 4..<quad * 4 + 4 {
            next.pointee = channel < shape.rows ? code(channel * shape.columns + k) : UInt8(QUIRE_ZERO_INT8)
            next += 1
          }
        }
      }
    }
  }

  @inline(__always)
  private static func place4(
    _ shape: Shape, into out: UnsafeMutablePointer<UInt8>, _ code: (Int) -> UInt8
  ) {
    func nibble(_ channel: Int, _ k: Int) -> UInt8 {
      channel < shape.rows ? code(channel * shape.columns + k) & 15 : UInt8(QUIRE_ZERO_INT4)
    }
    var next = out
    for panel in 0..<shape.panels {
      for quad in 0..<shape.columns / 4 {
        for channel in panel * 32..<panel * 32 + 16 {
          for k in quad * 4..<quad * 4 + 4 {
            next.pointee = nibble(channel, k) | nibble(channel + 16, k) << 4
            next += 1
          }
        }
      }
    }
  }

  private static func place(
    _ zeros: [UInt8], rows: Int, groups: Int, _ format: WeightFormat, into out: HostBuffer<UInt8>
  ) {
    func zero(_ row: Int, _ group: Int) -> UInt8 {
      row < rows ? zeros[row * groups + group] : format.symmetricZero
    }
    let isInt4 = format.scheme == .int4
    let width = isInt4 ? 16 : 32
    for panel in 0..<panelCount(rows: rows) {
      for group in 0..<groups {
        let block = out.pointer + (panel * groups + group) * width
        for channel in 0..<width {
          let row = panel * 32 + channel
          block[channel] = isInt4 ? zero(row, group) | zero(row + 16, group) << 4 : zero(row, group)
        }
      }
    }
  }
}
