import Foundation

/// How positions become angles: the base and, for long contexts, a rescaling.
package struct RopeParameters: Sendable, Equatable {
  package var theta: Double
  package var scaling: RopeScaling

  package init(theta: Double, scaling: RopeScaling = .none) {
    self.theta = theta
    self.scaling = scaling
  }

  /// The parameters of YaRN where it is in use.
  package var yarn: YarnParameters? {
    if case .yarn(let yarn) = scaling { yarn } else { nil }
  }
}

/// A rescaling of the rotary embedding's frequencies that does not depend on the position.
package enum RopeScaling: Sendable, Equatable {
  /// transformers' "default".
  case none
  /// All frequencies divided by a factor (Chen et al., 2023, arXiv 2306.15595).
  case linear(factor: Double)
  case yarn(YarnParameters)
  case llama3(Llama3Parameters)
}

/// YaRN (Peng et al., 2023, arXiv 2309.00071) with the fields and defaults of Hugging Face's config.json.
package struct YarnParameters: Sendable, Equatable {
  package var factor: Double
  package var originalMaximumPositions: Int
  /// Multiplies cosines and sines; nil derives it from the factor.
  package var attentionFactor: Double?
  package var betaFast: Double = 32
  package var betaSlow: Double = 1
  /// Used together, when both are present and there is no attention factor.
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

/// The rescaling of Llama 3.1 with the fields of Hugging Face's config.json: long wavelengths are stretched, short
/// ones unchanged, those between interpolated.
package struct Llama3Parameters: Sendable, Equatable {
  package var factor: Double
  package var lowFrequencyFactor: Double
  package var highFrequencyFactor: Double
  package var originalMaximumPositions: Int

  package init(
    factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalMaximumPositions: Int
  ) {
    self.factor = factor
    self.lowFrequencyFactor = lowFrequencyFactor
    self.highFrequencyFactor = highFrequencyFactor
    self.originalMaximumPositions = originalMaximumPositions
  }
}
