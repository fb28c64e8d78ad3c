import QuireCalibration
package import QuireOptimization
import QuireFiles
import QuireCheckpoints
package import QuireModel
package import QuireTensors

/// What the steps of a recipe would cost, measured on the calibration text before anything is cut or rounded.
///
/// All of it is of the layers as the checkpoint has them, or as smoothing leaves them when a budget follows: what a step would cost after the steps before it is close to
/// that, and needs no conversion to know.
package struct Survey: Sendable, Equatable, Codable {
  /// What pruning would cost, by the index of its step.
  package var pruning: [Int: PruningTable] = [:]
  /// What rounding would cost, matrix by matrix in the model's order; empty without a `budget` step.
  package var sensitivities: [Sensitivity] = []
}

/// What one pruning step would cost, layer by layer.
package struct PruningTable: Sendable, Equatable, Codable {
  package let step: String
  /// What goes in one piece: "kv-group", "128 channels".
  package let unit: String
  package var layers: [Layer] = []

  package struct Layer: Sendable, Equatable, Codable {
    /// Every unit by itself; empty for channels, which are too many.
    package let scores: [HeadScore]
    /// What each further unit adds to the error when the cheapest go first, as shares of the output's mean square.
    package let steps: [Double]
    /// The output's mean square as a share of that of the hidden states it is added to.
    package let magnitude: Double
    /// Mean KL divergence of the model without one unit, for those that were tried, by their place in `scores`.
    package var trials: [Int: Double] = [:]

    package init(scores: [HeadScore] = [], steps: [Double], magnitude: Double) {
      self.scores = scores
      self.steps = steps
      self.magnitude = magnitude
    }

    /// The units that are near the cheapest: within a factor of two in error.
    var nearTies: [Int] {
      guard let least = scores.map(\.relativeError).min() else { return [] }
      return scores.indices.filter { scores[$0].relativeError <= 2 * least }
    }

    /// What trials decided, the first of equals; nil without trials.
    var preferred: HeadBlock? {
      trials.keys.sorted().min { trials[$0]! < trials[$1]! }.map { scores[$0].block }
    }
  }

  package init(step: String, unit: String, layers: [Layer] = []) {
    self.step = step
    self.unit = unit
    self.layers = layers
  }

  /// Units to remove from each layer, cheapest first wherever they stand, until `share` of all are gone.
  package func counts(share: Double, unitsInLayer: [Int]) -> [Int] {
    let goal = Int((share * Double(unitsInLayer.reduce(0, +))).rounded())
    return greedy { removed, _, _ in removed < goal }
  }

  /// The same, as long as predicted errors add up to at most `budget`.
  package func counts(errorBudget budget: Double) -> [Int] {
    greedy { _, spent, next in spent + next <= budget }
  }

  /// Takes the unit that adds least, the first layer's on a tie, while `mayGo`.
  private func greedy(_ mayGo: (_ removed: Int, _ spent: Double, _ next: Double) -> Bool) -> [Int] {
    var counts = [Int](repeating: 0, count: layers.count)
    var spent = 0.0
    while true {
      var best: (layer: Int, error: Double)?
      for (index, layer) in layers.enumerated() where counts[index] < layer.steps.count {
        let error = layer.magnitude * layer.steps[counts[index]]
        if best == nil || error < best!.error { best = (index, error) }
      }
      guard let best, mayGo(counts.reduce(0, +), spent, best.error) else { return counts }
      spent += best.error
      counts[best.layer] += 1
    }
  }
}

/// What each format would cost one matrix, smallest first.
package struct Sensitivity: Sendable, Equatable, Codable {
  package let tensor: TensorName
  package let options: [Option]

  package struct Option: Sendable, Equatable, Codable {
    package let format: WeightFormat
    /// Mean KL divergence of the model with this matrix alone rounded so: measured for the smallest format, for the
    /// others in proportion to the squared error of the matrix's output.
    package let divergence: Double

    package init(format: WeightFormat, divergence: Double) {
      self.format = format
      self.divergence = divergence
    }
  }

  package init(tensor: TensorName, options: [Option]) {
    self.tensor = tensor
    self.options = options
  }
}
