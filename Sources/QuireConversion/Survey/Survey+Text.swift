import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireCheckpoints
import Foundation
import QuireModel
import QuireTensors

extension Survey {
  /// The tables as text; empty when nothing was measured.
  package var text: String { text(width: .max) }

  /// - Parameter width: in which tables must fit; wider ones are split into several
  package func text(width: Int) -> String {
    var lines: [String] = []
    for (_, table) in pruning.sorted(by: { $0.key < $1.key }) { lines += table.lines(width: width) + [""] }
    if !sensitivities.isEmpty { lines += sensitivityLines(width: width) + [""] }
    if let repairShare { lines += repairLines(repairShare) + [""] }
    return lines.dropLast().joined(separator: "\n")
  }

  private func repairLines(_ chosen: Double) -> [String] {
    let tried = repair.map { "\(Self.share($0.share)) \(String(format: "%.2e", $0.divergence))" }
    return [
      "repair: mean KL divergence of the answers in the calibration text from the unpruned model, when each half of the text "
        + "is repaired with the other half:",
      "  " + tried.joined(separator: ", ")
        + (chosen == 0 ? "; nothing is repaired" : "; the share \(Self.share(chosen)) is used"),
    ]
  }

  private static func share(_ value: Double) -> String { String(format: "%g", value) }

  private func sensitivityLines(width: Int) -> [String] {
    var formats: [String] = []
    for option in sensitivities.flatMap(\.options) where !formats.contains(option.format.description) {
      formats.append(option.format.description)
    }
    let rows = sensitivities.map { sensitivity in
      [sensitivity.tensor.string]
        + formats.map { format in
          sensitivity.options.first { $0.format.description == format }.map {
            String(format: "%.2e", $0.divergence)
          } ?? "–"
        }
    }
    return ["budget: mean KL divergence of the model with one matrix alone rounded, on the calibration text"]
      + ConversionPlan.table([["tensor"] + formats] + rows, width: width)
  }
}

extension PruningTable {
  /// The most columns of a table.
  private static let widest = 32

  func lines(width: Int) -> [String] {
    let hasScores = layers.contains { !$0.scores.isEmpty }
    let count = layers.map { hasScores ? $0.scores.count : $0.steps.count }.max() ?? 0
    let shown = min(count, Self.widest)
    let title =
      hasScores
      ? "\(step): share of the attention output's mean square lost when one \(unit) is removed and the rest refitted"
      : "\(step): share of the MLP output's mean square lost when so many times \(unit) are removed and the rest refitted"
    let head = ["layer"] + (0..<shown).map { "\(hasScores ? $0 : $0 + 1)" }
    let rows = layers.enumerated().map { index, layer in
      var sum = 0.0
      let values =
        hasScores
        ? layer.scores.map(\.relativeError)
        : layer.steps.map {
          sum += $0
          return sum
        }
      return ["\(index)"]
        + (0..<shown).map { $0 < values.count ? DecimalText.fixed(100 * values[$0], 2) + "%" : "–" }
    }
    return [title] + ConversionPlan.table([head] + rows, width: width) + trialLines
  }

  private var trialLines: [String] {
    let tried = layers.enumerated().filter { !$0.element.trials.isEmpty }
    guard !tried.isEmpty else { return [] }
    return ["near ties, tried on the whole model (mean KL divergence):"]
      + tried.map { index, layer in
        "  layer \(index): "
          + layer.trials.sorted { $0.key < $1.key }.map { "\($0.key) \(String(format: "%.2e", $0.value))" }
          .joined(separator: ", ")
      }
  }
}
