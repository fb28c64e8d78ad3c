import Foundation

/// How positions become angles: the base and, for long contexts, YaRN's rescaling.
package struct RopeParameters: Sendable, Equatable {
  package var theta: Double
  /// nil: plain rotary embedding.
  package var yarn: YarnParameters?

  package init(theta: Double, yarn: YarnParameters? = nil) {
    self.theta = theta
    self.yarn = yarn
  }
}

/// YaRN (Peng et al., 2023, arXiv 2309.00071) with the fields and defaults of Hugging Face's config.json.
package struct YarnParameters: Sendable, Equatable {
  package var factor: Double
  package var originalMaximumPositions: Int
  /// Multiplies cosines and sines; nil derives it from the factor.
  package var attentionFactor: Double?
  package var betaFast: Double = 32
  package var betaSlow: Double = 1
  /// Used together, when both are present and no attention factor is given.
  package var mscale: Double?
  package var mscaleAllDimensions: Double?
  /// Whether the bounds of the ramp are rounded outwards to whole dimensions.
  package var truncatesBounds = true

  package init(factor: Double, originalMaximumPositions: Int) {
    self.factor = factor
    self.originalMaximumPositions = originalMaximumPositions
  }

  /// The multiplier of cosines and sines.
  package var attentionScaling: Double {
    if let attentionFactor { return attentionFactor }
    func scale(_ mscale: Double) -> Double { factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1 }
    if let mscale, let mscaleAllDimensions, mscale != 0, mscaleAllDimensions != 0 {
      return scale(mscale) / scale(mscaleAllDimensions)
    }
    return scale(1)
  }
}

/// The rotary embedding of one model: inverse frequencies in float32, rounded where transformers rounds, so
/// that angles far into a context agree.
///
/// Rotation pairs dimension i with i + headSize / 2. The model calls `fill` once per step for the rows'
/// positions; there is no table over all positions.
package struct RotaryEmbedding: Sendable {
  package let inverseFrequencies: [Float]  // (head size / 2)
  package let attentionScaling: Float

  package init(_ parameters: RopeParameters, headSize: Int) {
    let base = Double(Float(parameters.theta))
    let frequencies = (0..<headSize / 2).map { index in
      Float(pow(base, Double(Float(2 * index) / Float(headSize))))
    }
    guard let yarn = parameters.yarn else {
      inverseFrequencies = frequencies.map { 1 / $0 }
      attentionScaling = 1
      return
    }
    let bounds = Self.rampBounds(yarn, theta: parameters.theta, headSize: headSize)
    let high = bounds.high == bounds.low ? bounds.high + 0.001 : bounds.high  // never divide by zero
    let width = Float(high - bounds.low)
    inverseFrequencies = frequencies.enumerated().map { index, frequency in
      let ramp = min(max((Float(index) - Float(bounds.low)) / width, 0), 1)
      let extrapolated: Float = 1 / frequency
      let interpolated: Float = 1 / (Float(yarn.factor) * frequency)
      let share: Float = 1 - ramp
      return interpolated * (1 - share) + extrapolated * share
    }
    attentionScaling = Float(yarn.attentionScaling)
  }

  /// Write cosines and sines of `positions`, both (position, head size / 2).
  package func fill(
    positions: some Collection<Int32>, cosines: UnsafeMutablePointer<Float>,
    sines: UnsafeMutablePointer<Float>
  ) {
    let half = inverseFrequencies.count
    inverseFrequencies.withUnsafeBufferPointer { frequencies in
      for (row, position) in positions.enumerated() {
        for index in 0..<half {
          // The angle is rounded to float32 first, as in transformers; then its exact cosine and sine.
          let angle = Double(Float(position) * frequencies[index])
          cosines[row * half + index] = Float(cos(angle)) * attentionScaling
          sines[row * half + index] = Float(sin(angle)) * attentionScaling
        }
      }
    }
  }

  /// The dimension pairs between which YaRN blends from extrapolation to interpolation.
  private static func rampBounds(
    _ yarn: YarnParameters, theta: Double, headSize: Int
  ) -> (low: Double, high: Double) {
    func dimension(rotations: Double) -> Double {
      let turns = Double(yarn.originalMaximumPositions) / (rotations * 2 * Double.pi)
      return Double(headSize) * log(turns) / (2 * log(theta))
    }
    let low = dimension(rotations: yarn.betaFast)
    let high = dimension(rotations: yarn.betaSlow)
    return (
      max(yarn.truncatesBounds ? low.rounded(.down) : low, 0),
      min(yarn.truncatesBounds ? high.rounded(.up) : high, Double(headSize - 1))
    )
  }
}
