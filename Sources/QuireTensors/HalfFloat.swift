extension Float {
  /// The float16 bit pattern of the number with these bf16 bits; nil when float16 does not hold it exactly.
  package static func halfBits(exactlyBfloat16 bits: UInt16) -> UInt16? {
    let half = Float(bfloat16Bits: bits).halfBits
    return Float(halfBits: half) == Float(bfloat16Bits: bits) ? half : nil
  }

  /// The nearest float16 bit pattern, ties to even; infinite from 65520 on, NaN stays NaN.
  package var halfBits: UInt16 {
    let sign = UInt16(truncatingIfNeeded: bitPattern >> 16) & 0x8000
    let magnitude = bitPattern & 0x7FFF_FFFF
    if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
    if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
    if magnitude < 0x3880_0000 {
      // Subnormal: adding 0.5 leaves the multiple of 2⁻²⁴ in the low bits of the sum, rounded to even.
      let sum = Float(bitPattern: magnitude) + 0.5
      return sign | UInt16(truncatingIfNeeded: sum.bitPattern &- Float(0.5).bitPattern)
    }
    let rounding = 0xFFF &+ (magnitude >> 13 & 1)
    // The exponent's bias is 127 in float32 and 15 in float16.
    let rebiased = magnitude &+ rounding &- (112 << 23)
    return sign | UInt16(truncatingIfNeeded: rebiased >> 13)
  }

  /// The float with this float16 bit pattern.
  package init(halfBits: UInt16) {
    let sign: Float = halfBits & 0x8000 == 0 ? 1 : -1
    let exponent = halfBits >> 10 & 31
    let fraction = Float(halfBits & 1023)
    switch exponent {
    case 0: self = sign * fraction * 0x1p-24
    case 31: self = fraction == 0 ? sign * .infinity : .nan
    default: self = Float(bitPattern: (UInt32(exponent) + 112) << 23) * (1 + fraction / 1024) * sign
    }
  }
}
