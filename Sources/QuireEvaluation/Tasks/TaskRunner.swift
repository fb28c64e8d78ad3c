import QuireGeneration
import QuireText

/// Asks problems in one mode: greedy, all at once, with the engine that serves users.
struct TaskRunner {
  let runner: RequestRunner
  let tokenizer: Tokenizer

  /// The tokens of a problem's longest prompt, and of the longest answer.
  static func length(
    _ problem: TaskProblem, mode: AskMode, maximumTokens: Int, tokenizer: Tokenizer
  ) throws(EvaluationError) -> (prompt: Int, answer: Int) {
    switch try query(problem, mode: mode, tokenizer: tokenizer) {
    case .chat(let prompt): (prompt.count, maximumTokens)
    case .letters(let prompt, _): (prompt.count, 1)
    case .continuations(let prompts): (prompts.map(\.tokens.count).max() ?? 0, 1)
    }
  }

  /// What is asked of the engine.
  private enum Query {
    case chat([Int32])
    /// Choices of one token each after the same prompt.
    case letters(prompt: [Int32], choices: [Int32])
    /// The prompt with each choice, and the number of tokens of the choice.
    case continuations([(tokens: [Int32], choiceCount: Int)])
  }

  private static func query(
    _ problem: TaskProblem, mode: AskMode, tokenizer: Tokenizer
  ) throws(EvaluationError) -> Query {
    guard problem.kind.hasChoices, mode.mode == .nonThinking else {
      return .chat(try chat(problem, mode: mode.mode, tokenizer: tokenizer))
    }
    let pairs = pairs(problem, tokenizer: tokenizer)
    let contexts = pairs.map { $0.tokens.dropLast($0.choiceCount) }
    if let first = contexts.first, contexts.allSatisfy({ $0 == first }),
      pairs.allSatisfy({ $0.choiceCount == 1 })
    {
      return .letters(prompt: Array(first), choices: pairs.map { $0.tokens[$0.tokens.count - 1] })
    }
    return .continuations(pairs)
  }

  /// The prompt of a problem with each of its choices, and the number of tokens of the choice.
  static func pairs(
    _ problem: TaskProblem, tokenizer: Tokenizer
  ) -> [(tokens: [Int32], choiceCount: Int)] {
    problem.choices.map {
      let pair = pair(ChoiceTask.context(problem), " " + $0, tokenizer: tokenizer)
      return (pair.context + pair.choice, pair.choice.count)
    }
  }

  /// The tokens of a context and of its continuation, which are those of the whole text after the context's; white
  /// space at the context's end belongs to the continuation.
  private static func pair(
    _ context: String, _ continuation: String, tokenizer: Tokenizer
  ) -> (context: [Int32], choice: [Int32]) {
    let kept = context.unicodeScalars.reversed().drop { $0.properties.isWhitespace }.count
    let scalars = Array(context.unicodeScalars)
    var start = String.UnicodeScalarView(scalars[..<kept])
    let contextTokens = tokenizer.encode(String(start))
    start.append(contentsOf: scalars[kept...])
    let whole = tokenizer.encode(String(start) + continuation)
    return (Array(whole.prefix(contextTokens.count)), Array(whole.dropFirst(contextTokens.count)))
  }

  /// The messages of a chat that asks the problem.
  static func messages(_ problem: TaskProblem) -> [ChatMessage] {
    var messages: [ChatMessage] = []
    if let system = problem.system { messages.append(ChatMessage(role: .system, content: system)) }
    // Examples of choices end in the text of a choice, not in the letter that is asked for.
    if !problem.kind.hasChoices {
      for shot in problem.shots {
        messages.append(ChatMessage(role: .user, content: shot.question))
        messages.append(ChatMessage(role: .assistant, content: shot.answer))
      }
    }
    let question = problem.kind.hasChoices ? ChoiceTask.letterQuestion(problem) : problem.prompt
    messages.append(ChatMessage(role: .user, content: question))
    return messages
  }

  private static func chat(
    _ problem: TaskProblem, mode: ThinkingMode, tokenizer: Tokenizer
  ) throws(EvaluationError) -> [Int32] {
    do {
      return try tokenizer.chatFormat.required().render(messages: messages(problem), mode: mode)
        .tokens(tokenizer)
    } catch {
      throw .model(error.description)
    }
  }

  /// Adds a reply to `log` for each problem that has none.
  ///
  /// - Parameters:
  ///   - maximumTokens: replies of this length are truncated.
  ///   - onFinished: called after each reply with the number of problems that have one.
  func ask(
    _ problems: [TaskProblem], mode: AskMode, maximumTokens: Int, log: inout ReplyLog,
    onFinished: (Int) -> Void
  ) throws(EvaluationError) {
    var requests: [GenerationRequest] = []
    var owners: [(problem: Int, choice: Int)] = []
    var open: [Int: OpenProblem] = [:]
    for index in problems.indices where log.records[index] == nil {
      let query = try Self.query(problems[index], mode: mode, tokenizer: tokenizer)
      let own = self.requests(query, problems[index], mode, maximumTokens)
      open[index] = OpenProblem(query: query, remaining: own.count)
      for (choice, request) in own.enumerated() {
        requests.append(request)
        owners.append((index, choice))
      }
    }
    if !log.records.isEmpty { onFinished(log.records.count) }
    try runner.run(requests) { number, answer throws(EvaluationError) in
      let owner = owners[number]
      guard var problem = open[owner.problem] else { return }
      problem.take(answer, choice: owner.choice)
      open[owner.problem] = problem
      guard problem.remaining == 0 else { return }
      open[owner.problem] = nil
      try log.append(problem.record, to: owner.problem)
      onFinished(log.records.count)
    }
  }

  private func requests(
    _ query: Query, _ problem: TaskProblem, _ mode: AskMode, _ maximumTokens: Int
  ) -> [GenerationRequest] {
    switch query {
    case .chat(let prompt):
      let format = tokenizer.chatFormat.format
      var request = GenerationRequest(
        promptTokens: prompt, sampling: .greedy, maximumTokens: maximumTokens,
        stopStrings: problem.kind.stops, chatFormat: format)
      if let budget = mode.budget, let format {
        request.thinking = ThinkingLimit(
          budget: budget, closing: ThoughtClosing(format, tokenizer: tokenizer))
      }
      return [request]
    case .letters(let prompt, let choices):
      var request = GenerationRequest(promptTokens: prompt, maximumTokens: 1, logprobCount: 0)
      request.logprobTokenIDs = choices
      return [request]
    case .continuations(let prompts):
      return prompts.map {
        GenerationRequest(
          promptTokens: $0.tokens, maximumTokens: 0, logprobCount: 0, wantsPromptLogprobs: true)
      }
    }
  }

  /// A problem whose requests have not all finished.
  private struct OpenProblem {
    let query: Query
    var remaining: Int
    var record = ReplyRecord()

    init(query: Query, remaining: Int) {
      self.query = query
      self.remaining = remaining
      if case .continuations(let prompts) = query {
        record.choiceScores = [Double](repeating: 0, count: prompts.count)
      }
    }

    mutating func take(_ answer: RequestRunner.Answer, choice: Int) {
      remaining -= 1
      record.promptTokens += answer.result.promptTokens
      switch query {
      case .chat:
        record.content = answer.content
        record.tokenCount = answer.result.completionTokens
        record.thoughtTokens = answer.result.reasoningTokens
        record.isTruncated = answer.result.reason == .length
      case .letters(_, let choices):
        let found = answer.firstAlternatives
        record.choiceScores = choices.map { id in
          found.first { $0.id == id }.map { Double($0.logprob) } ?? -.greatestFiniteMagnitude
        }
      case .continuations(let prompts):
        let logprobs = answer.promptLogprobs.suffix(prompts[choice].choiceCount)
        record.choiceScores[choice] = logprobs.reduce(0) { $0 + Double($1) }
      }
    }
  }
}
