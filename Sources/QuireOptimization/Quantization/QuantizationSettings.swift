import QuireCalibration
package import QuireModel
package import QuireTensors

/// `{ step: "quantize", … }`.
package struct QuantizationSettings: Sendable, Equatable {
  package var target: WeightFormat
  package var method: QuantizationMethod
  /// nil puts the largest weight of each group on the largest code.
  package var scaleSearch: ScaleSearchMeasure?
  /// Tried in order; the first that matches a tensor's name decides.
  package var overrides: [QuantizationOverride]
  /// What a budget decided for the tensors that no override matches.
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

  /// Whether the method looks at activations.
  package var needsCalibration: Bool { method == .gptq || scaleSearch == .activations }
}

/// What the search for a group's scale minimises.
package enum ScaleSearchMeasure: String, Sendable, CaseIterable {
  /// The squared error of the weights.
  case weights
  /// The same, each input weighted by its mean square on the calibration text. Embedding and head, which nothing is
  /// known about, by their weights.
  case activations
}

/// How codes are chosen.
package enum QuantizationMethod: String, Sendable, CaseIterable, Codable {
  /// Every weight to the nearest code of its group's grid.
  case nearest
  /// Each input's rounding made up for by the inputs that are rounded after it, on calibration activations. Embedding
  /// and head are rounded to nearest all the same.
  case gptq
}

/// Another target for the tensors whose name the pattern occurs in.
package struct QuantizationOverride: Sendable, Equatable {
  /// What `NameMatcher` reads: a regular expression without what needs backtracking.
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
