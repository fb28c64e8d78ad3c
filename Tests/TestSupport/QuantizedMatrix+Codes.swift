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
        } else if format.scheme == .nl3 {
          let run = bytes[(quad / 4 * 192)...].prefix(192).dropFirst(row % 16 * 4 + k % 4)
          let at = run.startIndex
          let fourth = (run[at] >> 6) | (run[at + 64] >> 6) << 2 | (run[at + 128] >> 6) << 4
          let pair = quad % 4 < 3 ? run[at + quad % 4 * 64] : fourth
          out.pointer[row * columns + k] = Int8((row % 32 < 16 ? pair : pair >> 3) & 7) - 4
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
        let bits = scales[(row / 32 * groupCount + group) * 32 + row % 32]
        out[row * groupCount + group] =
          format.scaleType == .float16 ? Float(halfBits: bits) : Float(bfloat16Bits: bits)
      }
    }
    return out
  }

  /// The unsigned zero points, [rows][groups].
  package func decodedZeros() -> [UInt8] {
    var out = [UInt8](repeating: format.scheme == .int4 ? 8 : 128, count: rows * groupCount)
    guard !format.isSymmetric else { return out }
    for row in 0..<rows {
      for group in 0..<groupCount {
        let block = row / 32 * groupCount + group
        if format.scheme == .int8 {
          out[row * groupCount + group] = zeros[block * 32 + row % 32]
        } else {
          let byte = zeros[block * 16 + row % 16]
          out[row * groupCount + group] = row % 32 < 16 ? byte & 15 : byte >> 4
        }
      }
    }
    return out
  }
}
