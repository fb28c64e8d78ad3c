package import QuireModelFiles
package import QuireText

/// A finished evaluation: how it was done and one row per step.
///
///     let report = try Evaluator(model: folder, recipes: [recipe]).run()
///     print(report.table())
///     write(report.json.serialized(pretty: true))
package struct EvaluationReport: Sendable, Equatable {
  /// Path of the model that was evaluated; of several, the first.
  package var model: String
  /// Paths of the others.
  package var otherModels: [String] = []
  /// Path of the checkpoint that rows are compared with; nil when there is none.
  package var reference: String?
  /// The adapters that were merged into every checkpoint.
  package var adapters: [MergedAdapter] = []
  package var method: EvaluationMethod
  /// The reference first, if there is one; then the other models and every recipe's steps, in order.
  package var rows: [EvaluationRow]
  /// What each part of the reference is worth; nil when that was not measured.
  package var sensitivity: SensitivityReport?
  /// Which program measured on which machine; nil when unknown.
  package var provenance: ReportProvenance?
  /// Answers that are right in one row and wrong in the reference, or the other way round.
  package var flipped: [FlippedAnswer] = []

  package init(model: String, reference: String?, method: EvaluationMethod, rows: [EvaluationRow] = []) {
    self.model = model
    self.reference = reference
    self.method = method
    self.rows = rows
  }

  package var referenceRow: EvaluationRow? { rows.first { $0.isReference } }
}

/// Everything needed to repeat the figures of a report.
package struct EvaluationMethod: Sendable, Equatable {
  /// The task file and how many of its problems were asked; nil without tasks.
  package var tasks: TaskMethod?
  /// The text and how it was cut; nil without text.
  package var text: TextMethod?
  /// Nil when no speed was measured.
  package var speed: SpeedSettings?
  package var threadCount: Int
  /// The instruction set of the kernels.
  package var instructionSet: String
  package var seed: UInt64

  package init(
    tasks: TaskMethod?, text: TextMethod?, speed: SpeedSettings?, threadCount: Int, instructionSet: String,
    seed: UInt64
  ) {
    self.tasks = tasks
    self.text = text
    self.speed = speed
    self.threadCount = threadCount
    self.instructionSet = instructionSet
    self.seed = seed
  }
}

package struct TaskMethod: Sendable, Equatable {
  package var file: String
  /// Problems in the file, and those asked.
  package var availableCount: Int
  package var problemCount: Int
  package var modes: [ThinkingMode]
  /// Further modes: thoughts of at most so many tokens.
  package var thinkingBudgets: [Int] = []
  /// The files with their kinds; empty when there is one of the kind `exact`.
  package var sources: [TaskSource] = []
  /// The hash of the problems, which are the same in reports with the same hash.
  package var problemHash = ""
  /// The most tokens of an answer, per mode.
  package var thinkingTokens: Int
  package var nonThinkingTokens: Int
  /// Answers generated at the same time.
  package var concurrency: Int
  /// The format of the chats and how it was chosen.
  package var chatFormat: String

  package init(
    file: String, availableCount: Int, problemCount: Int, modes: [ThinkingMode], thinkingTokens: Int,
    nonThinkingTokens: Int, concurrency: Int, chatFormat: String
  ) {
    self.file = file
    self.availableCount = availableCount
    self.problemCount = problemCount
    self.modes = modes
    self.thinkingTokens = thinkingTokens
    self.nonThinkingTokens = nonThinkingTokens
    self.concurrency = concurrency
    self.chatFormat = chatFormat
  }

  package func maximumTokens(_ mode: ThinkingMode) -> Int {
    switch mode {
    case .thinking: thinkingTokens
    case .nonThinking: nonThinkingTokens
    }
  }

  package func maximumTokens(_ mode: AskMode) -> Int { maximumTokens(mode.mode) }

  /// All modes that are asked.
  package var askModes: [AskMode] {
    modes.map { AskMode($0) } + thinkingBudgets.map { AskMode(.thinking, budget: $0) }
  }
}

package struct TextMethod: Sendable, Equatable {
  package var file: String
  package var textProtocol: TextProtocol
  /// Tokens of the longest context.
  package var windowTokens: Int
  package var documentCount: Int
  package var scoredTokens: Int
  /// The hash of the windows' tokens, which are the same in reports with the same hash.
  package var textHash: String

  package init(
    file: String, textProtocol: TextProtocol, windowTokens: Int, documentCount: Int, scoredTokens: Int,
    textHash: String = ""
  ) {
    self.file = file
    self.textProtocol = textProtocol
    self.windowTokens = windowTokens
    self.documentCount = documentCount
    self.scoredTokens = scoredTokens
    self.textHash = textHash
  }
}

/// How speed is measured: one stream alone, with random tokens as its prompt.
package struct SpeedSettings: Sendable, Equatable {
  package var promptTokens: Int
  package var generatedTokens: Int
  /// Repeats continue until both are reached.
  package var minimumRepeats: Int
  package var minimumSeconds: Double

  package init(
    promptTokens: Int = 256, generatedTokens: Int = 64, minimumRepeats: Int = 3, minimumSeconds: Double = 1
  ) {
    self.promptTokens = promptTokens
    self.generatedTokens = generatedTokens
    self.minimumRepeats = minimumRepeats
    self.minimumSeconds = minimumSeconds
  }
}
