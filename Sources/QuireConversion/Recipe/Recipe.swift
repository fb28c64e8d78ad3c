package import QuireCalibration
package import QuireOptimization
import QuireFiles
import QuireModel
import QuireCheckpoints
import QuireTensors

/// The changes to make to a checkpoint, in order: the contents of one file under `recipes/`.
///
///     let recipe = try Recipe(path: "recipes/int4.json5")
///     for count in 0...recipe.steps.count { convert(recipe.prefix(count)) }
///
/// README of `recipes/` documents the fields; parsing is in `Recipe+Parsing.swift`.
package struct Recipe: Sendable, Equatable {
  package let name: String
  package let steps: [RecipeStep]
  /// Steps that follow these when this is the beginning of a longer recipe. They are not applied, but a step may
  /// prepare for them.
  package let upcoming: [RecipeStep]
  package let calibration: CalibrationSettings
  /// The file's text, stored in the pack as it was written.
  package let text: String
  /// The folder that relative paths in the recipe start from; empty for the current one.
  package let folder: String
  /// What the file is called in sentences about the recipe; empty for one that is not from a file.
  let file: String

  package init(
    name: String, steps: [RecipeStep], upcoming: [RecipeStep] = [],
    calibration: CalibrationSettings = CalibrationSettings(),
    text: String = "", folder: String = "", file: String = ""
  ) {
    self.name = name
    self.steps = steps
    self.upcoming = upcoming
    self.calibration = calibration
    self.text = text
    self.folder = folder
    self.file = file
  }

  /// No steps: the weights as the checkpoint stores them, with the codes of a quantized one.
  package static let keep = Recipe(name: "keep", steps: [], text: "{ name: \"keep\", steps: [] }\n")

  /// The recipe with its first `count` steps only; the evaluator measures these row by row.
  package func prefix(_ count: Int) -> Recipe {
    Recipe(
      name: name, steps: Array(steps.prefix(count)), upcoming: Array(steps.dropFirst(count)) + upcoming,
      calibration: calibration, text: text, folder: folder, file: file)
  }

  /// The recipe with another calibration.
  package func replacingCalibration(_ calibration: CalibrationSettings) -> Recipe {
    Recipe(
      name: name, steps: steps, upcoming: upcoming, calibration: calibration, text: text, folder: folder,
      file: file)
  }

  /// The settings of the `quantize` or `budget` step, of which there is at most one.
  package var quantization: QuantizationSettings? {
    steps.lazy.compactMap(\.quantization).first
  }

  /// The same, including steps still to come: smoothing prepares for it.
  package var quantizationAhead: QuantizationSettings? {
    (steps + upcoming).lazy.compactMap(\.quantization).first
  }

  /// The recipe with its steps and those to come replaced, one for one.
  func replacingSteps(_ all: [RecipeStep]) -> Recipe {
    precondition(all.count == steps.count + upcoming.count, "one step for each")
    return Recipe(
      name: name, steps: Array(all.prefix(steps.count)), upcoming: Array(all.dropFirst(steps.count)),
      calibration: calibration, text: text, folder: folder, file: file)
  }

  /// The settings of the `rotate` step, which is the first where there is one.
  var rotation: RotationSettings? {
    if case .rotate(let settings) = steps.first { settings } else { nil }
  }

  /// The configuration of the weights that the steps after `rotate` find.
  func rotatedConfiguration(_ source: ModelConfiguration) -> ModelConfiguration {
    rotation?.configuration(after: source) ?? source
  }

  /// Whether a step removes heads or neurons.
  var prunes: Bool { steps.contains { $0.settings.removesInputs } }

  /// Whether any step needs activations; without one, a conversion runs no layer.
  package var needsCalibration: Bool {
    steps.contains { $0.needsCalibration }
  }

  /// Whether the calibration text also runs through the checkpoint's own layers, whose hidden states repair and
  /// asymmetric calibration fit to. Statistics from a file have no text to run.
  package var needsReference: Bool {
    calibration.statistics == nil && steps.contains { $0.settings.needsReference }
  }
}
