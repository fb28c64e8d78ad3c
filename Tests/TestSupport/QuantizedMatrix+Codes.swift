package import QuireTensors

extension QuantizedMatrix {
  /// The signed codes, [rows][columns].
  package func decodedCodes() -> HostBuffer<Int8> {
    let out = HostBuffer<Int8>(count: rows * columns)
    let bytes = codes.bindMemory(to: UInt8.self)
    for row in 0..<rows {
      for k in 0..<columns {
        let quad = (row / 32 * (columns / 4)) + k / 4
        if format.scheme == .int8 {
          out.pointer[row * columns + k] = Int8(bitPattern: bytes[quad * 128 + row % 32 * 4 + k % 4] ^ 0x80)
        } else {
          let byte = bytes[quad * 64 + row % 16 * 4 + k % 4]
          out.pointer[row * columns + k] = Int8(row % 32 < 16 ? byte & 15 : byte >> 4) - 8
        }
      }
    }
    return out
  }

  /// The scales as floats, [rows][groups].
  package func decodedScales() -> [Float] {
    var out = [Float](repeating: 0, count: rows * groupCount)
    for row in 0..<rows {
      for group in 0..<groupCount {
        out[row * groupCount + group] = Float(
          bfloat16Bits: scales[(row / 32 * groupCount + group) * 32 + row % 32])
      }
    }
    return out
  }
}
