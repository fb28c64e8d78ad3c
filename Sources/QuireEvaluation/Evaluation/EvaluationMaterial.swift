import Foundation
import QuireModel
import QuireModelFiles
import QuireTensors
import QuireText

/// What every row is measured with: problems, windows of text and limits, read and checked once.
struct EvaluationMaterial {
  let tokenizer: Tokenizer
  /// Nil: the format follows from each model's chat template.
  let askedChatFormat: ChatFormatOverride?
  let problems: [TaskProblem]
  /// Tasks that have a score together.
  let groups: [TaskGroup]
  /// Nil when there is no text.
  let windows: TextWindows?
  let method: EvaluationMethod
  /// The most positions that a chat or the speed measurement takes.
  let contextLength: Int

  /// The tasks that the report will have, all together last.
  var taskNames: [String] {
    problems.isEmpty
      ? [] : Set(problems.map(\.task) + groups.map(\.name)).sorted() + [TaskProblem.aggregateName]
  }

  /// The stage with which a model's row ends.
  var lastStage: EvaluationProgress.Stage {
    if windows != nil { return .predicting }
    return method.tasks?.askModes.last.map { .answering($0) } ?? .measuringSpeed
  }

  /// The version of the program, for the keys of kept results.
  let programVersion: String

  init(plan: RowPlan, options: EvaluationOptions) throws(EvaluationError) {
    let configuration = try opening(plan.model.configuration)
    tokenizer = try opening { () throws(ModelFileError) in
      try plan.model.tokenizer(chatFormat: options.chatFormat)
    }
    askedChatFormat = options.chatFormat
    programVersion = options.programVersion
    try Self.check(plan, configuration, options)
    let (tasks, textFile) = try Self.files(plan, options)
    let positions = configuration.contextPositions
    let asked =
      try tasks.isEmpty
      ? nil : Self.problems(tasks, options.asked(of: plan), tokenizer, positions)
    let text = try textFile.map { [tokenizer] file throws(EvaluationError) in
      try Self.windows(file, options, tokenizer, positions)
    }
    problems = asked?.problems ?? []
    groups = asked?.groups ?? []
    windows = text?.windows
    method = EvaluationMethod(
      tasks: asked?.method, text: text?.method, speed: options.speed.map { Self.speed($0, positions) },
      threadCount: options.threadCount ?? ProcessLimits.coreCount,
      instructionSet: options.instructionSet.rawValue, seed: options.seed)
    let longest = try Self.longestSequence(problems, method.tasks, tokenizer, positions)
    if let tokens = options.thinkingTokens ?? options.nonThinkingTokens, longest > positions,
      longest - tokens < positions
    {
      throw .invalidOption(
        name: "thinkingTokens",
        sentence:
          "--max-tokens: expected at most \(positions - (longest - tokens)), which the model's \(positions) positions "
          + "hold after the longest prompt, found \(tokens); choose fewer")
    }
    contextLength = min(
      positions, max(method.speed.map { $0.promptTokens + $0.generatedTokens } ?? 0, longest))
  }

  /// All models must have the same tokens, and heads that the asked caches hold.
  private static func check(
    _ plan: RowPlan, _ configuration: ModelConfiguration, _ options: EvaluationOptions
  ) throws(EvaluationError) {
    for model in plan.models {
      if let reference = plan.reference {
        if reference !== model { try compare(reference, as: "the reference of", model) }
      } else if model !== plan.model {
        try compare(plan.model, as: "a row next to", model)
      }
    }
    for type in options.cacheTypes where !type.holds(headSize: configuration.headSize) {
      throw .invalidOption(
        name: "cacheTypes",
        sentence: "expected heads of a multiple of 16 for a cache of type \(type.rawValue), found "
          + "\(configuration.headSize); leave \(type.rawValue) out")
    }
  }

  /// The files of problems and of the text: those of the options, or those beside the model.
  private static func files(
    _ plan: RowPlan, _ options: EvaluationOptions
  ) throws(EvaluationError) -> (tasks: [TaskSource], text: String?) {
    let home = (plan.reference ?? plan.model).path
    var tasks = options.asksTasks ? options.tasks : []
    if options.asksTasks, tasks.isEmpty, let file = SiblingFile.path("tasks.jsonl", of: home) {
      tasks = [TaskSource(path: file)]
    }
    let text = options.predictsText ? options.textFile ?? SiblingFile.path("heldout.txt", of: home) : nil
    // Speed or sensitivity alone are enough where nothing else was asked for.
    let isAlone = !options.asksTasks && !options.predictsText && options.speed != nil
    guard tasks.isEmpty, text == nil, !isAlone, !options.measuresSensitivity else { return (tasks, text) }
    guard !options.asksTasks, !options.predictsText else {
      throw .nothingToMeasure(model: plan.model.path)
    }
    throw .invalidOption(
      name: "speed",
      sentence:
        "expected something to measure, found that --no-speed, --no-tasks and --no-text switch all of it off; "
        + "leave one of them out, or add --sensitivity")
  }

  private static func problems(
    _ sources: [TaskSource], _ options: EvaluationOptions, _ tokenizer: Tokenizer, _ positions: Int
  ) throws(EvaluationError) -> (problems: [TaskProblem], groups: [TaskGroup], method: TaskMethod) {
    var available: [TaskProblem] = []
    var owners: [String: TaskSource] = [:]
    var groups: [TaskGroup] = []
    for source in sources {
      let problems = try source.problems()
      let group = TaskGroup(source, problems)
      for name in Set(problems.map(\.task) + [group?.name].compactMap(\.self)).sorted() {
        if let other = owners[name] { throw sameTask(name, other, source) }
        owners[name] = source
      }
      available += problems
      if let group { groups.append(group) }
    }
    let problems = TaskSelection.choose(available, limit: options.problemLimit, seed: options.seed)
    var method = TaskMethod(
      file: sources.map(\.path).joined(separator: ", "), availableCount: available.count,
      problemCount: problems.count, modes: options.modes,
      thinkingTokens: options.thinkingTokens
        ?? min(EvaluationOptions.thinkingTokensMaximum, max(1, positions / 4)),
      nonThinkingTokens: options.nonThinkingTokens
        ?? min(EvaluationOptions.nonThinkingTokensMaximum, max(1, positions / 16)),
      concurrency: options.concurrency, chatFormat: tokenizer.chatFormat.summary)
    if let note = options.modeNote { method.chatFormat += "; \(note)" }
    method.thinkingBudgets = options.thinkingBudgets
    if sources != [TaskSource(path: sources[0].path)] { method.sources = sources }
    method.problemHash = Digest.of(problems.map { "\($0)" }.joined(separator: "\n"))
    return (problems, groups, method)
  }

  /// Two files whose tasks have one name.
  private static func sameTask(_ name: String, _ first: TaskSource, _ second: TaskSource) -> EvaluationError {
    // Lines of the kind exact name their task, those of the kind qa may; the others have their description's.
    let renamed = [second, first].first { $0.kind != .exact && ($0.kind != .qa || $0.name == name) }
    let advice =
      if first == second || renamed == nil && first.path == second.path {
        "give it once"
      } else if let renamed {
        "give \(renamed.path) another \"name\" in a description (.json5)"
      } else {
        "change the member \"task\" in the lines of one of them"
      }
    return .unusableFile(
      "expected files of different tasks, found the task \"\(name)\" in \(first.path) and in "
        + "\(second.path); \(advice)")
  }

  /// The settings, limited to what the model's context allows.
  private static func speed(_ settings: SpeedSettings, _ positions: Int) -> SpeedSettings {
    var speed = settings
    speed.promptTokens = min(settings.promptTokens, max(1, positions / 2))
    speed.generatedTokens = min(settings.generatedTokens, max(2, positions / 4))
    return speed
  }

  /// Models that are compared must have the same tokens.
  private static func compare(
    _ first: ModelSource, as role: String, _ second: ModelSource
  ) throws(EvaluationError) {
    func check(_ what: String, _ expected: Int, _ found: Int) throws(EvaluationError) {
      guard expected != found else { return }
      throw .mismatchedReference(
        reference: first.path, role: role, model: second.path,
        difference: "its \(what) is \(expected), the model's \(found)")
    }
    try check(
      "vocabulary size", try opening(first.configuration).vocabularySize,
      try opening(second.configuration).vocabularySize)
    try check(
      "number of tokens",
      try opening { () throws(ModelFileError) in try first.tokenizer() }.vocabularySize,
      try opening { () throws(ModelFileError) in try second.tokenizer() }.vocabularySize)
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
        documentCount: windows.documentCount, scoredTokens: windows.scoredCount,
        textHash: Digest.of(windows.windows))
    )
  }

  /// The longest prompt with its answer. Throws for a prompt after which the model has no position for an answer.
  private static func longestSequence(
    _ problems: [TaskProblem], _ method: TaskMethod?, _ tokenizer: Tokenizer, _ positions: Int
  ) throws(EvaluationError) -> Int {
    guard let method else { return 0 }
    var longest = 0
    for mode in method.askModes {
      for problem in problems {
        let length = try TaskRunner.length(
          problem, mode: mode, maximumTokens: method.maximumTokens(mode), tokenizer: tokenizer)
        guard length.prompt < positions else { throw tooLong(problem, length.prompt, method, positions) }
        longest = max(longest, length.prompt + length.answer)
      }
    }
    return longest
  }

  private static func tooLong(
    _ problem: TaskProblem, _ found: Int, _ method: TaskMethod, _ positions: Int
  ) -> EvaluationError {
    let start = problem.prompt.prefix(60).replacing("\n", with: " ")
    return .unusableFile(
      "\(method.file): expected prompts of at most \(positions - 1) tokens, because the model has \(positions) "
        + "positions, found \(found) in a problem of the task \"\(problem.task)\" that begins with \"\(start)\"; shorten "
        + "or remove it")
  }
}
