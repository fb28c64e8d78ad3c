import QuireCalibration
package import QuireOptimization
import QuireFiles
import QuireCheckpoints
package import QuireModel
package import QuireTensors

/// The cost of a recipe's steps, measured on the calibration text before anything is pruned or rounded.
///
/// All costs are those of the layers as the checkpoint has them, or as smoothing leaves them when a budget follows.
/// The cost of a step after the steps before it is close to that, and measuring it would need a conversion.
package struct Survey: Sendable, Equatable, Codable {
  /// The cost of pruning, by the index of its step.
  package var pruning: [Int: PruningTable] = [:]
  /// The cost of rounding, matrix by matrix in the model's order; empty without a `budget` step.
  package var sensitivities: [Sensitivity] = []
  /// What repair leaves with each share that was tried; empty where none was.
  package var repair: [RepairOutcome] = []

  /// The share of repair that leaves the least, the smallest on a tie; nil where none was tried.
  package var repairShare: Double? { repair.min { $0.divergence < $1.divergence }?.share }
}

/// A trial of repair after pruning.
package struct RepairOutcome: Sendable, Equatable, Codable {
  /// How much of the repair was applied, 0 for none.
  package let share: Double
  /// The mean over answers of the KL divergence from the unpruned model.
  package let divergence: Double

  package init(share: Double, divergence: Double) {
    self.share = share
    self.divergence = divergence
  }
}

/// The cost of one pruning step, layer by layer.
package struct PruningTable: Sendable, Equatable, Codable {
  package let step: String
  /// The unit that is removed as a whole: "kv-group", "128 channels".
  package let unit: String
  package var layers: [Layer] = []

  package struct Layer: Sendable, Equatable, Codable {
    /// The error of removing each unit alone; empty for channels, which are too many.
    package let scores: [HeadScore]
    /// The error that each further unit adds when the cheapest are removed first, as shares of the output's mean
    /// square.
    package let steps: [Double]
    /// The output's mean square as a share of that of the hidden states it is added to.
    package let magnitude: Double
    /// Mean KL divergence of the model without one unit, for the units that were tried, by their index in `scores`.
    package var trials: [Int: Double] = [:]

    package init(scores: [HeadScore] = [], steps: [Double], magnitude: Double) {
      self.scores = scores
      self.steps = steps
      self.magnitude = magnitude
    }

    /// The units whose error is within a factor of two of the least.
    var nearTies: [Int] {
      guard let least = scores.map(\.relativeError).min() else { return [] }
      return scores.indices.filter { scores[$0].relativeError <= 2 * least }
    }

    /// The unit with the least divergence in trials, the first on a tie; nil without trials.
    var preferred: HeadBlock? {
      trials.keys.sorted().min { trials[$0]! < trials[$1]! }.map { scores[$0].block }
    }
  }

  package init(step: String, unit: String, layers: [Layer] = []) {
    self.step = step
    self.unit = unit
    self.layers = layers
  }

  /// How many units a share is.
  package static func goal(share: Double, of count: Int) -> Int { Int((share * Double(count)).rounded()) }

  /// Units to remove from each layer, cheapest first over all layers, until `share` of all are removed.
  package func counts(share: Double, unitsInLayer: [Int]) -> [Int] {
    let goal = Self.goal(share: share, of: unitsInLayer.reduce(0, +))
    return greedy { removed, _, _ in removed < goal }
  }

  /// The same, as long as the sum of predicted errors is at most `budget`.
  package func counts(errorBudget budget: Double) -> [Int] {
    greedy { _, spent, next in spent + next <= budget }
  }

  /// Repeatedly removes the unit that adds the least error, the first layer's on a tie, while `mayContinue`.
  private func greedy(_ mayContinue: (_ removed: Int, _ spent: Double, _ next: Double) -> Bool) -> [Int] {
    var counts = [Int](repeating: 0, count: layers.count)
    var spent = 0.0
    while true {
      var best: (layer: Int, error: Double)?
      for (index, layer) in layers.enumerated() where counts[index] < layer.steps.count {
        let error = layer.magnitude * layer.steps[counts[index]]
        if best == nil || error < best!.error { best = (index, error) }
      }
      guard let best, mayContinue(counts.reduce(0, +), spent, best.error) else { return counts }
      spent += best.error
      counts[best.layer] += 1
    }
  }
}

/// The cost of each format for one matrix, smallest format first.
package struct Sensitivity: Sendable, Equatable, Codable {
  package let tensor: TensorName
  package let options: [Option]

  package struct Option: Sendable, Equatable, Codable {
    package let format: WeightFormat
    /// Mean KL divergence of the model with only this matrix rounded to the format: measured for the smallest
    /// format, for the others in proportion to the squared error of the matrix's output.
    package let divergence: Double
    /// The share of the mean square of the matrix's output that is lost; of its weights where its inputs are not known.
    package let outputError: Double?

    package init(format: WeightFormat, divergence: Double, outputError: Double? = nil) {
      self.format = format
      self.divergence = divergence
      self.outputError = outputError
    }
  }

  package init(tensor: TensorName, options: [Option]) {
    self.tensor = tensor
    self.options = options
  }
}
