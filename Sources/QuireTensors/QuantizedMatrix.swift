import CKernels

/// An integer matrix in the layout that kernels read and packs store (see `blocks.h`).
// Unchecked: read-only memory kept alive by `owner`.
package final class QuantizedMatrix: @unchecked Sendable {
  package let rows: Int  // output channels
  package let columns: Int  // inputs
  package let format: WeightFormat
  package let codes: UnsafeRawBufferPointer  // [rows/32][columns/4][32][4], int4: half of it
  package let scales: UnsafeBufferPointer<UInt16>  // bf16, [rows/32][columns/group][32]
  private let owner: AnyObject

  /// Wraps memory in kernel layout; throws a sentence when the parts do not fit the shape.
  package init(
    rows: Int, columns: Int, format: WeightFormat, codes: UnsafeRawBufferPointer,
    scales: UnsafeBufferPointer<UInt16>, owner: AnyObject
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
    self.rows = rows
    self.columns = columns
    self.format = format
    self.codes = codes
    self.scales = scales
    self.owner = owner
  }

  package var groupSize: Int { format.group ?? columns }
  package var groupCount: Int { columns / groupSize }
  package var byteCount: Int { codes.count + scales.count * 2 }

  /// The same matrix as the kernels' structure.
  var kernelWeights: quire_weights {
    quire_weights(
      codes: codes.bindMemory(to: UInt8.self).baseAddress, scales: scales.baseAddress, rows: Int32(rows),
      columns: Int32(columns), group: Int32(groupSize), bits: format.scheme == .int8 ? 8 : 4)
  }
}

/// Encodes and decodes weight blocks; only this type knows the bit layout of codes.
extension QuantizedMatrix {
  /// Converts signed codes and scales to the kernels' layout.
  /// - Parameters:
  ///   - codes: [rows][columns], within `format.codeRange`.
  ///   - scales: [rows][groups], values that bf16 holds exactly (`representableScale`).
  package static func encode(
    codes: UnsafePointer<Int8>, scales: UnsafePointer<Float>, rows: Int, columns: Int, format: WeightFormat
  ) throws(TensorError) -> QuantizedMatrix {
    try format.validate(columns: columns, name: "matrix \(rows)x\(columns)")
    let storage = HostBuffer<UInt8>(count: format.codeByteCount(rows: rows, columns: columns))
    let packedScales = HostBuffer<UInt16>(count: format.scaleCount(rows: rows, columns: columns))
    let groups = columns / (format.group ?? columns)
    let panels = (rows + 31) / 32
    if format.scheme == .int8 {
      place8(codes, rows: rows, columns: columns, panels: panels, into: storage.pointer)
    } else {
      place4(codes, rows: rows, columns: columns, panels: panels, into: storage.pointer)
    }
    for row in 0..<rows {
      for group in 0..<groups {
        let scale = scales[row * groups + group]
        packedScales.pointer[(row / 32 * groups + group) * 32 + row % 32] = scale.bfloat16Bits
      }
    }
    return try QuantizedMatrix(
      rows: rows, columns: columns, format: format, codes: UnsafeRawBufferPointer(storage.bytes),
      scales: UnsafeBufferPointer(packedScales.buffer), owner: Storage(codes: storage, scales: packedScales))
  }

  private final class Storage {
    let codes: HostBuffer<UInt8>
    let scales: HostBuffer<UInt16>
    init(codes: HostBuffer<UInt8>, scales: HostBuffer<UInt16>) {
      self.codes = codes
      self.scales = scales
    }
  }

  /// Missing channels of the last panel get the zero point, so that every byte of a pack is determined.
  private static func place8(
    _ codes: UnsafePointer<Int8>, rows: Int, columns: Int, panels: Int, into out: UnsafeMutablePointer<UInt8>
  ) {
    var next = out
    for panel in 0..<panels {
      for quad in 0..<columns / 4 {
        for channel in panel * 32..<panel * 32 + 32 {
          for k in quad * 4..<quad * 4 + 4 {
            next.pointee = channel < rows ? UInt8(bitPattern: codes[channel * columns + k]) ^ 0x80 : 0x80
            next += 1
          }
        }
      }
    }
  }

  private static func place4(
    _ codes: UnsafePointer<Int8>, rows: Int, columns: Int, panels: Int, into out: UnsafeMutablePointer<UInt8>
  ) {
    func code(_ channel: Int, _ k: Int) -> UInt8 {
      channel < rows ? UInt8(truncatingIfNeeded: codes[channel * columns + k] &+ 8) & 15 : 8
    }
    var next = out
    for panel in 0..<panels {
      for quad in 0..<columns / 4 {
        for channel in panel * 32..<panel * 32 + 16 {
          for k in quad * 4..<quad * 4 + 4 {
            next.pointee = code(channel, k) | code(channel + 16, k) << 4
            next += 1
          }
        }
      }
    }
  }
}
