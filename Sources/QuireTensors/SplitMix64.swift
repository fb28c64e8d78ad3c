/// A small deterministic random generator (Steele, Lea and Flood 2014, SplitMix64): of calibration windows, rotations
/// and chosen problems. The sampler has a stream of its own, `RandomStream`.
///
/// Its own draws give the same numbers on every machine and with every release of the standard library.
package struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: UInt64) {
    state = seed
  }

  package mutating func next() -> UInt64 {
    state &+= Self.increment
    return Self.mix(state)
  }

  /// What the state grows by for each number.
  package static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// The output function: the number that belongs to a state.
  package static func mix(_ state: UInt64) -> UInt64 {
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number in `0..<bound`; the bias of a 64-bit product is negligible for bounds of text length.
  package mutating func next(below bound: Int) -> Int {
    precondition(bound > 0, "nothing is below zero")
    return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// The elements in random order (Fisher and Yates).
  package mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
    var result = elements
    for index in stride(from: result.count - 1, to: 0, by: -1) {
      result.swapAt(index, next(below: index + 1))
    }
    return result
  }
}
