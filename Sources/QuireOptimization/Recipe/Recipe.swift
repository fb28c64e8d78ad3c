package import QuireTensors

/// What to do to a checkpoint, in order: the contents of one file under `recipes/`.
///
///     let recipe = try Recipe(path: "recipes/int4.json5")
///     for count in 0...recipe.steps.count { convert(recipe.prefix(count)) }
///
/// README of `recipes/` documents the fields; parsing is in `Recipe+Parsing.swift`.
package struct Recipe: Sendable, Equatable {
  package let name: String
  package let steps: [RecipeStep]
  /// Steps that come after these, when this is the beginning of a longer recipe: they are not carried out, but a step
  /// may prepare for them.
  package let upcoming: [RecipeStep]
  package let calibration: CalibrationSettings
  /// The file's text, stored in the pack as it was written.
  package let text: String
  /// The folder that relative paths in the recipe start from; empty for the current one.
  package let folder: String

  package init(
    name: String, steps: [RecipeStep], upcoming: [RecipeStep] = [],
    calibration: CalibrationSettings = CalibrationSettings(),
    text: String = "", folder: String = ""
  ) {
    self.name = name
    self.steps = steps
    self.upcoming = upcoming
    self.calibration = calibration
    self.text = text
    self.folder = folder
  }

  /// The recipe with its first `count` steps only; what the evaluator measures row by row.
  package func prefix(_ count: Int) -> Recipe {
    Recipe(
      name: name, steps: Array(steps.prefix(count)), upcoming: Array(steps.dropFirst(count)) + upcoming,
      calibration: calibration, text: text, folder: folder)
  }

  /// The settings of the `quantize` step, which there is at most one of.
  package var quantization: QuantizationSettings? {
    for case .quantize(let settings) in steps { return settings }
    return nil
  }

  /// The settings of the `quantize` step, also of one that is still to come: what smoothing prepares for.
  package var quantizationAhead: QuantizationSettings? {
    for case .quantize(let settings) in steps + upcoming { return settings }
    return nil
  }

  /// Whether any step looks at activations; if none does, a conversion runs no layer.
  package var needsCalibration: Bool {
    steps.contains { $0.needsCalibration }
  }
}

/// One entry of a recipe.
package enum RecipeStep: Sendable, Equatable {
  case pruneHeads(HeadPruningSettings)
  case smooth(SmoothingSettings)
  case quantize(QuantizationSettings)

  /// The name that recipes, plans and evaluation rows use.
  package var name: String {
    switch self {
    case .pruneHeads: "prune-heads"
    case .smooth: "smooth"
    case .quantize: "quantize"
    }
  }

  package var needsCalibration: Bool {
    switch self {
    case .pruneHeads, .smooth: true
    case .quantize(let settings): settings.needsCalibration
    }
  }
}

extension RecipeStep {
  /// Every name that a step can have.
  package static let names = ["prune-heads", "smooth", "quantize"]
}

/// `{ step: "prune-heads", … }`.
package struct HeadPruningSettings: Sendable, Equatable {
  package var unit: HeadUnit
  package var removal: HeadRemoval
  /// Whether the output projection is refitted to make up for what is gone.
  package var repairs: Bool

  package init(unit: HeadUnit, removal: HeadRemoval, repairs: Bool = true) {
    self.unit = unit
    self.removal = removal
    self.repairs = repairs
  }
}

/// How many units go from each layer.
package enum HeadRemoval: Sendable, Equatable {
  case uniform(Int)
  case perLayer([Int])

  package func count(layer: Int) -> Int {
    switch self {
    case .uniform(let count): count
    case .perLayer(let counts): counts[layer]
    }
  }
}

/// `{ step: "quantize", … }`.
package struct QuantizationSettings: Sendable, Equatable {
  package var target: WeightFormat
  package var method: QuantizationMethod
  /// nil puts the largest weight of each group on the largest code.
  package var scaleSearch: ScaleSearchMeasure?
  /// Tried in order; the first that matches a tensor's name decides.
  package var overrides: [QuantizationOverride]

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
  /// A regular expression; `|` separates alternatives.
  package var pattern: String
  package var target: WeightFormat

  package init(pattern: String, target: WeightFormat) {
    self.pattern = pattern
    self.target = target
  }
}

/// Where the activations come from that `prune-heads` and its kin look at.
package struct CalibrationSettings: Sendable, Equatable {
  package var source: CalibrationSource
  /// How many stretches of text.
  package var windowCount: Int
  /// How many tokens each.
  package var windowTokens: Int
  package var seed: UInt64

  package init(
    source: CalibrationSource = .bundled, windowCount: Int = 64, windowTokens: Int = 512, seed: UInt64 = 1
  ) {
    self.source = source
    self.windowCount = windowCount
    self.windowTokens = windowTokens
    self.seed = seed
  }
}

/// A calibration text.
package enum CalibrationSource: Sendable, Equatable {
  /// The checkpoint's own `calibration.jsonl`, or the set that this module carries.
  case bundled
  /// A text file, or chats and texts as JSON lines when the name ends in `.jsonl`; relative to the recipe's folder.
  case file(String)
}
