import Foundation

/// The rotary embedding of one model: inverse frequencies in float32, rounded where transformers rounds, so that
/// the angles agree even at long contexts.
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
    switch parameters.scaling {
    case .none:
      inverseFrequencies = frequencies.map { 1 / $0 }
    case .linear(let factor):
      inverseFrequencies = frequencies.map { 1 / $0 / Float(factor) }
    case .llama3(let llama3):
      inverseFrequencies = frequencies.map { llama3.rescale(1 / $0) }
    case .yarn(let yarn):
      inverseFrequencies = yarn.inverseFrequencies(frequencies, theta: parameters.theta, headSize: headSize)
    }
    attentionScaling = parameters.yarn.map { Float($0.attentionScaling) } ?? 1
  }

  /// Writes cosines and sines of `positions`, both (position, head size / 2).
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
}

extension YarnParameters {
  /// - Parameter frequencies: the unscaled ones, not yet inverted.
  fileprivate func inverseFrequencies(_ frequencies: [Float], theta: Double, headSize: Int) -> [Float] {
    let bounds = rampBounds(theta: theta, headSize: headSize)
    let high = bounds.high == bounds.low ? bounds.high + 0.001 : bounds.high  // avoids a division by zero
    let width = Float(high - bounds.low)
    return frequencies.enumerated().map { index, frequency in
      let ramp = min(max((Float(index) - Float(bounds.low)) / width, 0), 1)
      let extrapolated: Float = 1 / frequency
      let interpolated: Float = 1 / (Float(factor) * frequency)
      let share: Float = 1 - ramp
      return interpolated * (1 - share) + extrapolated * share
    }
  }

  /// The dimension pairs between which YaRN blends from extrapolation to interpolation.
  private func rampBounds(theta: Double, headSize: Int) -> (low: Double, high: Double) {
    func dimension(rotations: Double) -> Double {
      let turns = Double(originalMaximumPositions) / (rotations * 2 * Double.pi)
      return Double(headSize) * log(turns) / (2 * log(theta))
    }
    let low = dimension(rotations: betaFast)
    let high = dimension(rotations: betaSlow)
    return (
      max(truncatesBounds ? low.rounded(.down) : low, 0),
      min(truncatesBounds ? high.rounded(.up) : high, Double(headSize - 1))
    )
  }
}

extension Llama3Parameters {
  /// One inverse frequency rescaled.
  fileprivate func rescale(_ inverseFrequency: Float) -> Float {
    let length = Double(originalMaximumPositions)
    let wavelength = Float(2 * Double.pi) / inverseFrequency
    if wavelength > Float(length / lowFrequencyFactor) { return inverseFrequency / Float(factor) }
    if wavelength < Float(length / highFrequencyFactor) { return inverseFrequency }
    let share =
      (Float(originalMaximumPositions) / wavelength - Float(lowFrequencyFactor))
      / Float(highFrequencyFactor - lowFrequencyFactor)
    return (1 - share) * inverseFrequency / Float(factor) + share * inverseFrequency
  }
}
