/// The exponential function of many numbers, written so that the compiler vectorizes it.
///
/// The operations and their order are the same on every machine: results do not depend on the C library, the
/// instruction set or the index in the buffer.
enum Exponential {
  /// Below this the result is 0; e⁻⁸⁷ is the last power that is a normal float.
  private static let lowest: Float = -87
  private static let highest: Float = 88

  /// e^x for −87 ≤ x ≤ 88 within 2 units in the last place; 0 below, e^88 above. Undefined for NaN.
  ///
  /// x = n·ln 2 + r with |r| ≤ ln 2 / 2; e^r by its Taylor polynomial of degree 7 (remainder under 2⁻²⁷);
  /// 2ⁿ by writing the exponent bits. ln 2 is split so that n·high is exact (Cody and Waite, 1980, chapter 6).
  @inline(__always)
  static func power(_ exponent: Float) -> Float {
    let x = min(max(exponent, lowest), highest)
    let shifted = x * 1.442_695_04 + 12_582_912  // the integer lands in the low bits: 1.5 · 2²³
    let n = shifted - 12_582_912
    let r = (x - n * 0.693_359_375) - n * -2.121_944_4e-4
    var sum: Float = 1.0 / 5040
    sum = sum * r + 1.0 / 720
    sum = sum * r + 1.0 / 120
    sum = sum * r + 1.0 / 24
    sum = sum * r + 1.0 / 6
    sum = sum * r + 0.5
    sum = sum * r + 1
    sum = sum * r + 1
    let scale = Float(bitPattern: (shifted.bitPattern &+ 127) &<< 23)
    return exponent < lowest ? 0 : sum * scale
  }
}
