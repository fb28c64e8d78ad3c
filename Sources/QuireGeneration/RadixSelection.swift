/// Finds the key at which the cumulative weight in descending order reaches a target, without sorting.
///
/// Keys are counted (or their weights summed) by their 11 highest bits. The bin with the target is then split by the
/// next 11 bits, and again by the last 10: always three passes.
enum RadixSelection {
  static let binCount = 2048

  /// The largest key such that the weights of all keys not below it reach `target`, or the smallest key of
  /// positive weight when rounding keeps them from it. With `weights` nil each key weighs 1: the k-th largest.
  ///
  /// `keys` and `weights` have `count` elements, at least one of positive weight; `bins` has `binCount`.
  static func threshold(
    keys: UnsafePointer<Int32>, weights: UnsafePointer<Float>?, count: Int, target: Double,
    bins: UnsafeMutablePointer<Double>
  ) -> Int32 {
    var prefix: UInt32 = 0
    var prefixMask: UInt32 = 0
    var missing = target
    for (shift, width) in [(21, 11), (10, 11), (0, 10)] as [(UInt32, UInt32)] {
      let digitMask = (UInt32(1) << width) - 1
      bins.update(repeating: 0, count: binCount)
      for index in 0..<count {
        let digits = UInt32(bitPattern: keys[index]) ^ 0x8000_0000  // unsigned order
        guard digits & prefixMask == prefix else { continue }
        bins[Int((digits &>> shift) & digitMask)] += weights.map { Double($0[index]) } ?? 1
      }
      var chosen = 0
      var above = 0.0
      for bin in stride(from: binCount - 1, through: 0, by: -1) where bins[bin] > 0 {
        chosen = bin
        if above + bins[bin] >= missing { break }
        above += bins[bin]
      }
      missing -= above
      prefix |= UInt32(chosen) << shift
      prefixMask |= digitMask << shift
    }
    return Int32(bitPattern: prefix ^ 0x8000_0000)
  }
}
