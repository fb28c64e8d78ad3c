import QuireTensors

/// The 8-bit float E4M3 of OCP's specification ("fn": no infinities, NaN is 0x7F and 0xFF), as float32.
enum Float8 {
  /// By bit pattern.
  static let values: [Float] = (0..<256).map { pattern in
    let (exponent, fraction) = (pattern >> 3 & 15, pattern & 7)
    let sign: Float = pattern < 128 ? 1 : -1
    if exponent == 15 && fraction == 7 { return .nan }
    if exponent == 0 { return sign * Float(fraction) * 0x1p-9 }
    return sign * (1 + Float(fraction) / 8) * Float(sign: .plus, exponent: exponent - 7, significand: 1)
  }
}
