import QuireTensors

/// 8-bit floats of OCP's specifications, as float32, by bit pattern.
enum Float8 {
  /// E8M0, the scales of MX formats and of "ue8m0": powers of two from 2⁻¹²⁷ to 2¹²⁷; 255 is NaN.
  static let powers: [Float] = (0..<256).map { pattern in
    pattern == 255 ? .nan : Float(sign: .plus, exponent: pattern - 127, significand: 1)
  }

  /// E4M3 ("fn": no infinities, NaN is 0x7F and 0xFF).
  static let values: [Float] = (0..<256).map { pattern in
    let (exponent, fraction) = (pattern >> 3 & 15, pattern & 7)
    let sign: Float = pattern < 128 ? 1 : -1
    if exponent == 15 && fraction == 7 { return .nan }
    if exponent == 0 { return sign * Float(fraction) * 0x1p-9 }
    return sign * (1 + Float(fraction) / 8) * Float(sign: .plus, exponent: exponent - 7, significand: 1)
  }
}
