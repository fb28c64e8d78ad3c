package import QuireModelFiles
package import QuireTensors
package import QuireText

/// What was measured of one model: the reference, a pack, or a checkpoint after some steps of a recipe.
package struct EvaluationRow: Sendable, Equatable {
  package let identity: RowIdentity
  /// The step after which the model was measured: "prune-heads", "quantize" …; "reference" for the unmodified
  /// checkpoint, "none" for a pack made without steps.
  package var step: String
  /// The recipe's name; nil for the reference.
  package var recipe: String?
  package var size = ModelSize()
  /// Peak memory of the whole process while this row's model was loaded and answered; nil where the operating
  /// system does not report it.
  package var peakMemoryBytes: Int?
  package var speed: SpeedScore?
  package var loadSeconds = 0.0
  /// Time that the recipe's steps up to this one took; nil for the reference.
  package var conversionSeconds: Double?
  /// Time that measuring this row took, conversion included.
  package var wallSeconds = 0.0
  /// Nil when no text was given.
  package var text: TextScore?
  /// One result per task, then the sum of all; empty when no tasks were given.
  package var tasks: [TaskResult] = []
  /// Notices of the conversion, such as a calibration text shorter than the recipe asks for; a sentence each.
  package var notes: [String] = []

  /// The row's name in tables: "reference", "int4: quantize".
  package var label: String
  /// The type of keys and values in the cache while the row was measured.
  package var cacheType = KeyValueElement.float16
  /// The model's path; nil for a recipe's step, whose pack is temporary.
  package var path: String?

  package static let referenceStep = "reference"
  package static let unchangedStep = "none"
  package static let serverStep = "server"

  /// - Parameter label: nil makes one of recipe and step, which several rows may share
  package init(_ identity: RowIdentity, step: String, recipe: String?, label: String? = nil) {
    self.identity = identity
    self.step = step
    self.recipe = recipe
    self.label = label ?? Self.label(step: step, recipe: recipe)
  }

  static func label(step: String, recipe: String?) -> String { recipe.map { "\($0): \(step)" } ?? step }

  package var isReference: Bool { identity == .reference }

  /// Whether it is a running server, whose memory and times are not known.
  package var isServer: Bool { if case .server = identity { true } else { false } }

  /// The sum of all tasks in a mode.
  package func total(_ mode: ThinkingMode) -> TaskScore? { total(asked: AskMode(mode)) }

  package func total(asked mode: AskMode) -> TaskScore? {
    tasks.last { $0.name == TaskProblem.aggregateName }?.scores[mode]
  }

  /// Seconds that one stream needs for a prompt and its answer, both of mean length; nil where no speed was measured.
  package func secondsPerAnswer(_ score: TaskScore) -> Double? {
    guard let speed, speed.prompt.value > 0, speed.decode.value > 0 else { return nil }
    return score.tokensPerPrompt / speed.prompt.value + score.tokensPerAnswer.value / speed.decode.value
  }
}

extension TaskResult {
  package func score(_ mode: ThinkingMode) -> TaskScore? { scores[AskMode(mode)] }
}

/// Tokens per second of a single stream, medians of repeats.
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
