import Foundation

/// A small deterministic random generator (splitmix64), the same on every machine and in every run.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// Uniform in [0, 1).
  package mutating func nextUniform() -> Float { Float(next() >> 40) / 16_777_216 }

  /// Standard normal (Box–Muller).
  package mutating func nextGaussian() -> Float {
    let radius = (-2 * log(1 - Double(nextUniform()))).squareRoot()
    return Float(radius * cos(2 * Double.pi * Double(nextUniform())))
  }

  /// `count` standard normal values, each times `scale`.
  package mutating func gaussians(_ count: Int, scale: Float = 1) -> [Float] {
    (0..<count).map { _ in nextGaussian() * scale }
  }

  /// `count` token ids in `0..<vocabularySize`.
  package mutating func tokens(_ count: Int, vocabularySize: Int) -> [Int32] {
    (0..<count).map { _ in Int32.random(in: 0..<Int32(vocabularySize), using: &self) }
  }
}
