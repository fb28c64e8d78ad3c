package import QuireTensors
package import QuireText

/// What to measure and how much of it.
package struct EvaluationOptions: Sendable, Equatable {
  /// Files of problems (see `TaskFile`). Empty: `tasks.jsonl` next to the checkpoint's folder (next to the pack when
  /// there is no reference), if it exists.
  package var tasks: [TaskSource]
  /// Whether problems are asked, and a text is predicted.
  package var asksTasks = true
  package var predictsText = true
  /// Whether the cost of changing each part of the reference is measured.
  package var measuresSensitivity = false
  /// A text file. Nil: `heldout.txt` in the same folder.
  package var textFile: String?
  /// How the text is cut into sequences. Nil: decided by its blank lines (see `TextProtocol.detected`).
  package var textProtocol: TextProtocol?
  /// The most tokens of the text to predict. Nil: all.
  package var textTokenLimit: Int?
  /// The most problems to ask, spread evenly over the tasks. Nil: all.
  package var problemLimit: Int?
  package var modes: [ThinkingMode]
  /// What the report says about the modes; see ``asked(of:)``.
  var modeNote: String?
  /// Further modes: thoughts of at most so many tokens.
  package var thinkingBudgets: [Int] = []
  /// The most tokens of a thinking answer. Nil: `thinkingTokensMaximum`, and at most a quarter of the model's positions,
  /// so that a small model that never stops does not delay the report.
  package var thinkingTokens: Int?
  package static let thinkingTokensMaximum = 4096
  /// The same without thinking. Nil: `nonThinkingTokensMaximum`, and at most a sixteenth of the model's positions.
  package var nonThinkingTokens: Int?
  package static let nonThinkingTokensMaximum = 1024
  /// Decides which problems are asked when there is a limit.
  package var seed: UInt64
  /// Answers that are generated at the same time.
  package var concurrency: Int
  /// Nil: no speed is measured.
  package var speed: SpeedSettings?
  /// Computing threads. Nil: one per physical core that the process may use.
  package var threadCount: Int?
  package var instructionSet: InstructionSet
  /// The format of the chats. Nil: that of the model's template.
  package var chatFormat: ChatFormatOverride?
  /// Folder for the packs of a recipe's steps, which exist one at a time. Nil: the system's folder for temporary
  /// files.
  package var workFolder: String?
  /// Folder in which results are kept for later runs. Nil: nothing is kept.
  package var resultsFolder: String?
  /// Running servers, a row each.
  package var servers: [ServerSource] = []
  /// Folders of LoRA adapters, which are merged into every checkpoint in this order, and not into packs.
  package var adapters: [String] = []
  /// Types of keys and values in the cache: a row of every model but the reference for each.
  package var cacheTypes: [KeyValueElement] = [.float16]
  /// Whether kept results are measured again.
  package var isFresh = false
  /// Results of another version of the program are not used.
  package var programVersion = ""

  package init(
    tasks: [TaskSource] = [], textFile: String? = nil, textProtocol: TextProtocol? = nil,
    textTokenLimit: Int? = nil, problemLimit: Int? = nil, modes: [ThinkingMode] = [.thinking, .nonThinking],
    thinkingTokens: Int? = nil, nonThinkingTokens: Int? = nil, seed: UInt64 = 1, concurrency: Int = 32,
    speed: SpeedSettings? = SpeedSettings(), threadCount: Int? = nil,
    instructionSet: InstructionSet = .detected, chatFormat: ChatFormatOverride? = nil,
    workFolder: String? = nil
  ) {
    self.tasks = tasks
    self.textFile = textFile
    self.textProtocol = textProtocol
    self.textTokenLimit = textTokenLimit
    self.problemLimit = problemLimit
    self.modes = modes
    self.thinkingTokens = thinkingTokens
    self.nonThinkingTokens = nonThinkingTokens
    self.seed = seed
    self.concurrency = concurrency
    self.speed = speed
    self.threadCount = threadCount
    self.instructionSet = instructionSet
    self.chatFormat = chatFormat
    self.workFolder = workFolder
  }

  /// Throws one sentence for the first option that is out of range.
  func validate() throws(EvaluationError) {
    try check("problemLimit", problemLimit, "the number of problems")
    try check("textTokenLimit", textTokenLimit, "the number of text tokens")
    try check("thinkingTokens", thinkingTokens, "the most tokens of a thinking answer")
    try check("nonThinkingTokens", nonThinkingTokens, "the most tokens of a non-thinking answer")
    try check("concurrency", concurrency, "the number of answers at a time")
    try check("threadCount", threadCount, "the number of threads")
    if case .windows(let count) = textProtocol, count < 2 {
      throw invalid(
        "textProtocol", "expected windows of at least 2 tokens, found \(count); give a larger number")
    }
    if Set(modes).count != modes.count || modes.isEmpty {
      throw invalid(
        "modes", "expected each mode once and at least one, found \(modes.count) modes; name them again")
    }
    if Set(thinkingBudgets).count != thinkingBudgets.count || thinkingBudgets.contains(where: { $0 < 0 }) {
      throw invalid(
        "thinkingBudgets",
        "expected each thinking budget once and none below 0, found others; name them again")
    }
    if cacheTypes.isEmpty || Set(cacheTypes).count != cacheTypes.count {
      throw invalid(
        "cacheTypes",
        "expected each cache type once and at least one, found \(cacheTypes.count) types; name them again")
    }
    if let speed {
      try check("speed.promptTokens", speed.promptTokens, "the prompt tokens of the speed measurement")
      try check("speed.minimumRepeats", speed.minimumRepeats, "the repeats of the speed measurement")
      // The first generated token belongs to the prompt's time.
      if speed.generatedTokens < 2 {
        throw invalid(
          "speed.generatedTokens",
          "expected at least 2 generated tokens for a speed, found \(speed.generatedTokens); give a larger number"
        )
      }
    }
  }

  private func check(_ name: String, _ value: Int?, _ what: String) throws(EvaluationError) {
    if let value, value < 1 {
      throw invalid(name, "expected \(what) to be at least 1, found \(value); give a larger number")
    }
  }

  private func invalid(_ name: String, _ sentence: String) -> EvaluationError {
    .invalidOption(name: name, sentence: sentence)
  }
}
