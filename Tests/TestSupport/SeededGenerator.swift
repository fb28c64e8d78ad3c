import Foundation
import QuireTensors

/// ``SplitMix64`` with draws of floats and token ids, the same on every machine and in every run.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var numbers: SplitMix64

  package init(seed: UInt64) { numbers = SplitMix64(seed: seed) }

  package mutating func next() -> UInt64 { numbers.next() }

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
