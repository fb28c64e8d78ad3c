/// Maps floats to integers with the same order, so that scans use integer comparisons, which the compiler vectorizes
/// and which have a defined result for NaN.
enum OrderedKey {
  /// The key of +infinity; keys of finite floats are below it.
  static let infinity = key(of: .infinity)
  static let negativeInfinity = key(of: -.infinity)

  /// Equal floats have equal keys: adding 0 turns −0 into +0.
  @inline(__always)
  static func key(of value: Float) -> Int32 {
    let bits = Int32(bitPattern: (value + 0).bitPattern)
    return bits ^ ((bits &>> 31) & 0x7fff_ffff)
  }

  /// The float whose key this is.
  @inline(__always)
  static func value(of key: Int32) -> Float {
    Float(bitPattern: UInt32(bitPattern: key ^ ((key &>> 31) & 0x7fff_ffff)))
  }
}
