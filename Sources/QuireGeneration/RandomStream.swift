import QuireTensors

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
    self.start = SplitMix64.mix(seed ^ 0x6a09_e667_f3bc_c908)
  }

  /// Uniform in 0 ..< 1, in steps of 2⁻⁵³.
  package func uniform(at index: UInt64) -> Double {
    let bits = SplitMix64.mix(start &+ (index &+ 1) &* SplitMix64.increment)
    return Double(bits >> 11) * 0x1p-53
  }
}
