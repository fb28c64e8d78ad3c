import Foundation
import QuireModel
import QuireModelFiles
import QuireTensors
import QuireText

/// What every row is measured with: problems, windows of text and limits, read and checked once.
struct EvaluationMaterial {
  let tokenizer: Tokenizer
  /// Nil: the format follows from each model's chat template.
  let askedChatFormat: ChatFormat?
  let problems: [TaskProblem]
  /// Nil when there is no text.
  let windows: TextWindows?
  let method: EvaluationMethod
  /// The most positions that a chat or the speed measurement takes.
  let contextLength: Int

  init(plan: RowPlan, options: EvaluationOptions) throws(EvaluationError) {
    let configuration = try opening(plan.model.configuration)
    tokenizer = try opening { () throws(ModelFileError) in
      try plan.model.tokenizer(chatFormat: options.chatFormat)
    }
    askedChatFormat = options.chatFormat
    if let reference = plan.reference, reference !== plan.model {
      try Self.compare(reference, configuration, tokenizer, plan.model)
    }
    let home = (plan.reference ?? plan.model).path
    let taskFile = options.taskFile ?? Self.sibling("tasks.jsonl", of: home)
    let textFile = options.textFile ?? Self.sibling("heldout.txt", of: home)
    if taskFile == nil && textFile == nil { throw .nothingToMeasure(model: plan.model.path) }

    let positions = configuration.contextPositions
    let asked = try taskFile.map { [tokenizer] file throws(EvaluationError) in
      try Self.problems(file, options, tokenizer, positions)
    }
    let text = try textFile.map { [tokenizer] file throws(EvaluationError) in
      try Self.windows(file, options, tokenizer, positions)
    }
    problems = asked?.problems ?? []
    windows = text?.windows
    method = EvaluationMethod(
      tasks: asked?.method, text: text?.method, speed: options.speed.map { Self.speed($0, positions) },
      threadCount: options.threadCount ?? ProcessInfo.processInfo.activeProcessorCount,
      instructionSet: options.instructionSet.rawValue, seed: options.seed)
    contextLength = min(
      positions,
      max(
        method.speed.map { $0.promptTokens + $0.generatedTokens } ?? 0,
        try Self.longestChat(problems, method.tasks, tokenizer)))
  }

  private static func problems(
    _ file: String, _ options: EvaluationOptions, _ tokenizer: Tokenizer, _ positions: Int
  ) throws(EvaluationError) -> (problems: [TaskProblem], method: TaskMethod) {
    let available = try TaskFile.read(path: file)
    let problems = TaskSelection.choose(available, limit: options.problemLimit, seed: options.seed)
    let method = TaskMethod(
      file: file, availableCount: available.count, problemCount: problems.count, modes: options.modes,
      thinkingTokens: min(options.thinkingTokens, max(1, positions / 4)),
      nonThinkingTokens: min(options.nonThinkingTokens, max(1, positions / 16)),
      concurrency: options.concurrency, chatFormat: tokenizer.chatFormat.summary)
    return (problems, method)
  }

  /// The settings, limited to what the model's context allows.
  private static func speed(_ settings: SpeedSettings, _ positions: Int) -> SpeedSettings {
    var speed = settings
    speed.promptTokens = min(settings.promptTokens, max(1, positions / 2))
    speed.generatedTokens = min(settings.generatedTokens, max(2, positions / 4))
    return speed
  }

  /// A file in the parent folder of `path`; nil when there is none.
  private static func sibling(_ name: String, of path: String) -> String? {
    // "." or a trailing slash would hide the folder's name; otherwise the path is kept as the user wrote it.
    let components = path.split(separator: "/", omittingEmptySubsequences: true)
    let isPlain = components.last.map { $0 != "." && $0 != ".." } ?? false
    let parent =
      isPlain
      ? (path.hasPrefix("/") ? "/" : "") + components.dropLast().joined(separator: "/")
      : URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path
    let file = parent.isEmpty ? name : parent + (parent.hasSuffix("/") ? "" : "/") + name
    return FileManager.default.fileExists(atPath: file) ? file : nil
  }

  /// The reference must have the same tokens as the model.
  private static func compare(
    _ reference: ModelSource, _ configuration: ModelConfiguration, _ tokenizer: Tokenizer,
    _ model: ModelSource
  ) throws(EvaluationError) {
    func check(_ what: String, _ expected: Int, _ found: Int) throws(EvaluationError) {
      guard expected != found else { return }
      throw .mismatchedReference(
        reference: reference.path, model: model.path,
        difference: "its \(what) is \(expected), the model's \(found)")
    }
    try check(
      "vocabulary size", try opening(reference.configuration).vocabularySize, configuration.vocabularySize)
    try check(
      "number of tokens",
      try opening { () throws(ModelFileError) in try reference.tokenizer() }.vocabularySize,
      tokenizer.vocabularySize)
  }

  private static func windows(
    _ file: String, _ options: EvaluationOptions, _ tokenizer: Tokenizer, _ positions: Int
  ) throws(EvaluationError) -> (windows: TextWindows, method: TextMethod) {
    let text = try EvaluationError.text(path: file, purpose: "a text to predict")
    let textProtocol = options.textProtocol ?? TextProtocol.detected(in: text)
    let windows = try TextWindows(
      text: text, protocol: textProtocol, tokenizer: tokenizer, maximumPositions: positions,
      scoredLimit: options.textTokenLimit)
    if windows.scoredCount == 0 { throw .emptyFile(path: file, expected: "at least two tokens of text") }
    return (
      windows,
      TextMethod(
        file: file, textProtocol: textProtocol, windowTokens: windows.windows.map(\.count).max() ?? 0,
        documentCount: windows.documentCount, scoredTokens: windows.scoredCount)
    )
  }

  private static func longestChat(
    _ problems: [TaskProblem], _ method: TaskMethod?, _ tokenizer: Tokenizer
  ) throws(EvaluationError) -> Int {
    var longest = 0
    for mode in method?.modes ?? [] {
      for problem in problems {
        let prompt = try TaskRunner.prompt(problem, mode: mode, tokenizer: tokenizer)
        longest = max(longest, prompt.count + (method?.maximumTokens(mode) ?? 0))
      }
    }
    return longest
  }
}
