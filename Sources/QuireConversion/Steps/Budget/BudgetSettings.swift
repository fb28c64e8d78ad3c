import QuireCalibration
package import QuireOptimization
import QuireFiles
import QuireCheckpoints
package import QuireModel
package import QuireTensors

/// `{ step: "budget", … }`: rounds like `quantize`, but chooses the format of each matrix so that all together meet
/// a limit and the model's output distribution changes least.
package struct BudgetSettings: Sendable, Equatable {
  package var limit: BudgetLimit
  /// The formats to choose from, smallest first.
  package var choices: [WeightFormat]
  /// Method, scale search, and overrides, which fix the format of some tensors.
  package var quantization: QuantizationSettings
  /// The decision of the survey; nil before it.
  package var decision: BudgetDecision?
  /// What takes four bytes a value if it is not rounded; the checkpoint decides.
  var float32 = Float32Tensors()

  package init(
    limit: BudgetLimit, choices: [WeightFormat] = standardChoices, quantization: QuantizationSettings
  ) {
    self.limit = limit
    self.choices = choices
    self.quantization = quantization
  }

  package static let standardChoices: [WeightFormat] = [
    .nl3(group: 128), .nl3(group: 64), .nl4(group: 128), .nl4(group: 64), .nl4(group: 32), .int8(),
  ]

  /// The settings with a decision, which the rounding uses.
  func decided(_ decision: BudgetDecision) -> BudgetSettings {
    var result = self
    result.decision = decision
    result.quantization.assignments = decision.choices.map {
      FormatAssignment(tensor: $0.tensor, format: $0.format)
    }
    return result
  }
}

/// The limit of a budget.
package enum BudgetLimit: Sendable, Equatable {
  /// Bits of all weights, scales and norms, divided by the number of parameters.
  case bitsPerWeight(Double)
  /// Bytes of the same.
  case bytes(Int)
  /// The predicted mean KL divergence from the checkpoint's output distribution, on the calibration text.
  case divergence(Double)
}

/// The result of a budget: the chosen formats and the numbers they were chosen by.
package struct BudgetDecision: Sendable, Equatable {
  /// One matrix: its format and the predicted divergence of that format.
  package struct Choice: Sendable, Equatable {
    package let tensor: TensorName
    package let format: WeightFormat
    package let byteCount: Int
    /// Mean KL divergence of the model with this matrix alone rounded.
    package let divergence: Double

    package init(tensor: TensorName, format: WeightFormat, byteCount: Int, divergence: Double) {
      self.tensor = tensor
      self.format = format
      self.byteCount = byteCount
      self.divergence = divergence
    }
  }

  package let choices: [Choice]  // in the model's order

  package init(choices: [Choice]) { self.choices = choices }
  package var divergence: Double { choices.reduce(0) { $0 + $1.divergence } }
}
