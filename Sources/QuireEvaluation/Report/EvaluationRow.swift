package import QuireText

/// What was measured of one model: the reference, a pack, or a checkpoint after some steps of a recipe.
package struct EvaluationRow: Sendable, Equatable {
  package let identity: RowIdentity
  /// The step that this row is after: "prune-heads", "quantize" …; "reference" for the unchanged checkpoint, and
  /// "none" for a pack that no step has changed.
  package var step: String
  /// The recipe's name; nil for the reference.
  package var recipe: String?
  package var size = ModelSize()
  /// Most memory of the whole process while this row's model was loaded and answered; nil where the operating
  /// system does not tell.
  package var peakMemoryBytes: Int?
  package var speed: SpeedScore?
  package var loadSeconds = 0.0
  /// Time that the recipe's steps up to this one took to carry out; nil for the reference.
  package var conversionSeconds: Double?
  /// Time that measuring this row took, conversion included.
  package var wallSeconds = 0.0
  /// Nil when no text was given.
  package var text: TextScore?
  /// One result a task and the sum of all; empty when no tasks were given.
  package var tasks: [TaskResult] = []

  /// How tables call the row: "reference", "int4: quantize".
  package var label: String

  package static let referenceStep = "reference"
  package static let unchangedStep = "none"

  /// - Parameter label: nil makes one of recipe and step, which several rows may share
  package init(_ identity: RowIdentity, step: String, recipe: String?, label: String? = nil) {
    self.identity = identity
    self.step = step
    self.recipe = recipe
    self.label = label ?? Self.label(step: step, recipe: recipe)
  }

  static func label(step: String, recipe: String?) -> String { recipe.map { "\($0): \(step)" } ?? step }

  package var isReference: Bool { identity == .reference }

  /// The sum of all tasks in a mode.
  package func total(_ mode: ThinkingMode) -> TaskScore? {
    tasks.last { $0.name == TaskProblem.aggregateName }?.score(mode)
  }
}

extension TaskResult {
  package func score(_ mode: ThinkingMode) -> TaskScore? {
    switch mode {
    case .thinking: thinking
    case .nonThinking: nonThinking
    }
  }
}

/// How large a model is.
package struct ModelSize: Sendable, Equatable {
  /// Bytes on disk: the pack, or the files of a checkpoint that Quire reads.
  package var fileBytes = 0
  /// Bytes of all weights in memory as their schemes store them, scales included, norms as 16-bit numbers.
  package var weightBytes = 0
  /// Parameters that the model has left.
  package var parameterCount = 0

  package init(fileBytes: Int = 0, weightBytes: Int = 0, parameterCount: Int = 0) {
    self.fileBytes = fileBytes
    self.weightBytes = weightBytes
    self.parameterCount = parameterCount
  }

  package var bitsPerWeight: Double { 8 * Double(weightBytes) / Double(max(1, parameterCount)) }
}

/// Tokens a second of a single stream, medians of repeats.
package struct SpeedScore: Sendable, Equatable {
  package var prompt: Estimate
  package var decode: Estimate
  package var repeatCount: Int

  package init(prompt: Estimate, decode: Estimate, repeatCount: Int) {
    self.prompt = prompt
    self.decode = decode
    self.repeatCount = repeatCount
  }
}
