/// The element types in tensor files; raw values are safetensors' names.
package enum ElementType: String, Sendable, CaseIterable {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case float8E4M3 = "F8_E4M3"
  case float8E5M2 = "F8_E5M2"
  case float8E8M0 = "F8_E8M0"
  case float8E4M3FNUZ = "F8_E4M3FNUZ"
  case float8E5M2FNUZ = "F8_E5M2FNUZ"
  case int64 = "I64"
  case int32 = "I32"
  case int16 = "I16"
  case int8 = "I8"
  case uint64 = "U64"
  case uint32 = "U32"
  case uint16 = "U16"
  case uint8 = "U8"
  case bool = "BOOL"

  /// Floats of one byte: quantized weights, which Quire does not read.
  package var isFloat8: Bool { rawValue.hasPrefix("F8_") }

  /// Bytes of one element.
  package var byteCount: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .float8E4M3, .float8E5M2, .float8E8M0, .float8E4M3FNUZ, .float8E5M2FNUZ, .int8, .uint8, .bool: 1
    }
  }
}

extension Float {
  /// The float with this bf16 bit pattern.
  package init(bfloat16Bits: UInt16) {
    self.init(bitPattern: UInt32(bfloat16Bits) << 16)
  }

  /// The nearest bf16 bit pattern, ties to even; NaN stays NaN.
  package var bfloat16Bits: UInt16 {
    if isNaN { return UInt16(truncatingIfNeeded: bitPattern >> 16) | 0x40 }
    let rounding = 0x7fff + (bitPattern >> 16 & 1)
    return UInt16(truncatingIfNeeded: (bitPattern &+ rounding) >> 16)
  }

  /// The nearest value of bf16.
  package var roundedToBfloat16: Float { Float(bfloat16Bits: bfloat16Bits) }
}

/// The nearest scale that both bf16 and fp16 represent exactly: a bf16 value of at least 2⁻¹⁴ (fp16's smallest
/// normal number) and at most 65280. Scales are rounded to it before codes are chosen, so that one integer grid
/// exports bit for bit to formats with either type of scale.
package func representableScale(_ scale: Float) -> Float {
  guard scale > 0 else { return 0 }
  let rounded = scale.roundedToBfloat16
  return min(max(rounded, smallestScale), 65280)
}

/// The smallest scale above 0 that is chosen for codes.
let smallestScale: Float = 0x1p-14
