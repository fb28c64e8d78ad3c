import QuireCalibration
package import QuireModel
package import QuireTensors

/// `{ step: "quantize", … }`.
package struct QuantizationSettings: Sendable, Equatable {
  package var target: WeightFormat
  package var method: QuantizationMethod
  /// nil puts the largest weight of each group on the largest code.
  package var scaleSearch: ScaleSearchMeasure?
  /// Rounds in which `gptq` chooses all scales and codes again.
  package var refitRounds = 0
  /// The share of the float model's outputs for its own inputs in the target of `gptq`; the rest is the outputs of
  /// the float matrix for the quantized model's inputs.
  package var asymmetry = 0.0
  /// Tried in order; the first that matches a tensor's name decides.
  package var overrides: [QuantizationOverride]
  /// The formats that a budget chose for the tensors that no override matches.
  package var assignments: [FormatAssignment] = []

  package init(
    target: WeightFormat, method: QuantizationMethod = .nearest, scaleSearch: ScaleSearchMeasure? = nil,
    overrides: [QuantizationOverride] = []
  ) {
    self.target = target
    self.method = method
    self.scaleSearch = scaleSearch
    self.overrides = overrides
  }

  /// Whether the method needs activations.
  package var needsCalibration: Bool { method == .gptq || scaleSearch == .activations }
  /// Whether the target needs the activations of the float model too.
  package var isAsymmetric: Bool { method == .gptq && asymmetry > 0 }
}

/// The error that the search for a group's scale minimizes.
package enum ScaleSearchMeasure: String, Sendable, CaseIterable {
  /// The squared error of the weights.
  case weights
  /// The same, each input weighted by its mean square on the calibration text. Embedding and lm_head, whose inputs
  /// are not known, use the unweighted error.
  case activations
}

/// How codes are chosen.
package enum QuantizationMethod: String, Sendable, CaseIterable, Codable {
  /// Every weight to the nearest code of its group's grid.
  case nearest
  /// The rounding error of each input is compensated by the inputs that are rounded after it, on calibration
  /// activations. Embedding and lm_head are still rounded to nearest.
  case gptq
}

/// Another target for the tensors whose name the pattern matches.
package struct QuantizationOverride: Sendable, Equatable {
  /// The syntax of `NameMatcher`: regular expressions without features that need backtracking.
  package var pattern: String
  package var target: WeightFormat

  package init(pattern: String, target: WeightFormat) {
    self.pattern = pattern
    self.target = target
  }
}

/// The format that a budget chose for one matrix.
package struct FormatAssignment: Sendable, Equatable {
  package let tensor: TensorName
  package let format: WeightFormat

  package init(tensor: TensorName, format: WeightFormat) {
    self.tensor = tensor
    self.format = format
  }
}
