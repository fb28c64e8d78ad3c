/// Random numbers of one request. The number at an index depends only on seed and index, not on earlier draws. So a
/// request draws the same numbers alone, in a batch, and after a preemption.
///
///     let stream = RandomStream(seed: 42)
///     let draw = stream.uniform(at: 0)  // for the first generated token
///
/// Source: the output function of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
/// generators, 2014), applied to a counter: the index plus a start value derived from the seed.
package struct RandomStream: Sendable, Hashable {
  private let start: UInt64

  package init(seed: UInt64) {
    self.start = Self.mix(seed ^ 0x6a09_e667_f3bc_c908)
  }

  /// Uniform in 0 ..< 1, in steps of 2⁻⁵³.
  package func uniform(at index: UInt64) -> Double {
    let bits = Self.mix(start &+ (index &+ 1) &* 0x9e37_79b9_7f4a_7c15)
    return Double(bits >> 11) * 0x1p-53
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
