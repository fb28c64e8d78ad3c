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

  /// The recipe with another calibration in place of its own.
  package func replacingCalibration(_ calibration: CalibrationSettings) -> Recipe {
    Recipe(
      name: name, steps: steps, upcoming: upcoming, calibration: calibration, text: text, folder: folder)
  }

  /// A path that the recipe names, from the current folder.
  func place(of path: String) -> String { path.hasPrefix("/") ? path : folder + path }

  /// How the `quantize` or `budget` step rounds, which there is at most one of.
  package var quantization: QuantizationSettings? {
    steps.lazy.compactMap(\.quantization).first
  }

  /// The same, also of a step that is still to come: what smoothing prepares for.
  package var quantizationAhead: QuantizationSettings? {
    (steps + upcoming).lazy.compactMap(\.quantization).first
  }

  /// The recipe with other steps in place of its own and of those to come, one for one.
  func replacingSteps(_ all: [RecipeStep]) -> Recipe {
    precondition(all.count == steps.count + upcoming.count, "one step for each")
    return Recipe(
      name: name, steps: Array(all.prefix(steps.count)), upcoming: Array(all.dropFirst(steps.count)),
      calibration: calibration, text: text, folder: folder)
  }

  /// Whether any step looks at activations; if none does, a conversion runs no layer.
  package var needsCalibration: Bool {
    steps.contains { $0.needsCalibration }
  }

  /// Whether the calibration text also goes through the checkpoint's own layers: what repair steers by. Statistics from
  /// a file know no text.
  package var needsReference: Bool {
    calibration.statistics == nil && steps.contains { $0.repairs }
  }
}

/// One entry of a recipe.
package enum RecipeStep: Sendable, Equatable {
  case pruneHeads(HeadPruningSettings)
  case pruneNeurons(NeuronPruningSettings)
  case smooth(SmoothingSettings)
  case quantize(QuantizationSettings)
  /// `quantize` with a format for each matrix that fits them into a limit together.
  case budget(BudgetSettings)

  /// The name that recipes, plans and evaluation rows use.
  package var name: String {
    switch self {
    case .pruneHeads: "prune-heads"
    case .pruneNeurons: "prune-neurons"
    case .smooth: "smooth"
    case .quantize: "quantize"
    case .budget: "budget"
    }
  }

  package var needsCalibration: Bool {
    switch self {
    case .pruneHeads, .pruneNeurons, .smooth, .budget: true
    case .quantize(let settings): settings.needsCalibration
    }
  }

  /// How the step rounds; nil for steps that do not.
  package var quantization: QuantizationSettings? {
    switch self {
    case .pruneHeads, .pruneNeurons, .smooth: nil
    case .quantize(let settings): settings
    case .budget(let settings): settings.quantization
    }
  }

  /// Whether the step cuts something out of the layer and refits what is left. Precondition: it is settled.
  func repairs(layer: Int) -> Bool {
    switch self {
    case .pruneHeads(let settings): settings.repairs && settings.removal.count(layer: layer) > 0
    case .pruneNeurons(let settings): settings.repairs && settings.removal.count(layer: layer) > 0
    case .smooth, .quantize, .budget: false
    }
  }

  /// Whether the step refits what it leaves.
  var repairs: Bool {
    switch self {
    case .pruneHeads(let settings): settings.repairs
    case .pruneNeurons(let settings): settings.repairs
    case .smooth, .quantize, .budget: false
    }
  }

  /// Whether the step says all by itself, without a survey of the whole model.
  package var isSettled: Bool {
    switch self {
    case .pruneHeads(let settings):
      settings.removal.isSettled && (!settings.tries || settings.firstBlocks != nil)
    case .pruneNeurons(let settings): settings.removal.isSettled
    case .smooth, .quantize: true
    case .budget(let settings): settings.decision != nil
    }
  }
}

extension RecipeStep {
  /// Every name that a step can have.
  package static let names = ["prune-heads", "prune-neurons", "smooth", "quantize", "budget"]
}

/// `{ step: "prune-heads", … }`.
package struct HeadPruningSettings: Sendable, Equatable {
  package var unit: HeadUnit
  package var removal: Removal
  /// Whether the output projection is refitted to make up for what is gone.
  package var repairs: Bool
  /// Whether near ties of the first unit of each layer are decided by what the whole model answers without them.
  package var tries: Bool
  /// What such trials decided: the unit to go first (layer); nil for what costs least in the layer's own output.
  package var firstBlocks: [HeadBlock?]?

  package init(unit: HeadUnit, removal: Removal, repairs: Bool = true, tries: Bool = false) {
    self.unit = unit
    self.removal = removal
    self.repairs = repairs
    self.tries = tries
  }
}

/// `{ step: "prune-neurons", … }`.
package struct NeuronPruningSettings: Sendable, Equatable {
  /// Channels that go together in count, though not in place: what is left stays a multiple of it.
  package var group: Int
  /// In channels.
  package var removal: Removal
  /// Whether the down projection is refitted to make up for what is gone.
  package var repairs: Bool

  package init(group: Int = standardGroup, removal: Removal, repairs: Bool = true) {
    self.group = group
    self.removal = removal
    self.repairs = repairs
  }

  package static let standardGroup = 128
}

/// How many units go from each layer.
package enum Removal: Sendable, Equatable {
  case uniform(Int)
  case perLayer([Int])
  /// This share of the model's units, those first that are predicted to cost least, whatever their layer.
  case share(Double)
  /// As many, those first that cost least, as predicted errors add up to at most this: each as a share of the mean
  /// square of the hidden rows that it is added to.
  case errorBudget(Double)

  /// Whether counts are known without a survey of the model.
  package var isSettled: Bool {
    switch self {
    case .uniform, .perLayer: true
    case .share, .errorBudget: false
    }
  }

  /// Precondition: the counts are known.
  package func count(layer: Int) -> Int {
    switch self {
    case .uniform(let count): count
    case .perLayer(let counts): counts[layer]
    case .share, .errorBudget: preconditionFailure("a survey settles how much goes from each layer")
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
  /// What a budget decided for the tensors that no override matches.
  package var assignments: [BudgetDecision.Choice] = []

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
  /// How chats among the text are rendered.
  package var chatMode: CalibrationChatMode
  /// A file of statistics to take instead of running the text, relative to the recipe's folder; trials on the whole
  /// model still run on the text.
  package var statistics: String?

  package init(
    source: CalibrationSource = .bundled, windowCount: Int = 64, windowTokens: Int = 512, seed: UInt64 = 1,
    chatMode: CalibrationChatMode = .asWritten, statistics: String? = nil
  ) {
    self.source = source
    self.windowCount = windowCount
    self.windowTokens = windowTokens
    self.seed = seed
    self.chatMode = chatMode
    self.statistics = statistics
  }
}

/// In which of the model's modes the chats of a calibration text are shown to it.
package enum CalibrationChatMode: String, Sendable, CaseIterable {
  /// An answer with reasoning is a thinking one, any other a non-thinking one.
  case asWritten = "as-written"
  /// Chats with reasoning only.
  case thinking
  /// All chats, their reasoning left out.
  case nonThinking = "non-thinking"
  /// Chats with reasoning once in either mode, the others once.
  case both
}

/// A calibration text.
package enum CalibrationSource: Sendable, Equatable {
  /// The checkpoint's own `calibration.jsonl`, or the set that this module carries.
  case bundled
  /// A text file, or chats and texts as JSON lines when the name ends in `.jsonl`; relative to the recipe's folder.
  case file(String)
}
