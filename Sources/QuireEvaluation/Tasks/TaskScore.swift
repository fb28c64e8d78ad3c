import QuireText

/// The outcome of one problem in one mode.
package struct TaskAnswer: Sendable, Equatable {
  package let isRight: Bool
  /// Generated tokens, thought and end included.
  package let tokenCount: Int
  /// Whether the answer reached its token limit.
  package let isTruncated: Bool
  package var promptTokens = 0
  /// The reply without its thought; empty for a problem that is answered by log-probabilities.
  package var content = ""
  /// The answer that was found in the reply.
  package var extracted: String?
  /// All scores of the reply.
  package var scores: [MetricScore] = []

  /// An answer that must end by itself: a truncated one is wrong.
  package init(isRight: Bool, tokenCount: Int, isTruncated: Bool) {
    self.isRight = isRight && !isTruncated
    self.tokenCount = tokenCount
    self.isTruncated = isTruncated
  }

  /// The judged reply.
  init(_ reply: ReplyRecord, to problem: TaskProblem, mode: ThinkingMode) {
    let judgement = problem.kind.judge(reply, to: problem, mode: mode)
    isRight = judgement.isRight
    tokenCount = reply.tokenCount
    isTruncated = reply.isTruncated
    promptTokens = reply.promptTokens
    content = reply.content
    extracted = judgement.extracted
    scores = judgement.scores
  }
}

/// The score of one task in one mode.
package struct TaskScore: Sendable, Equatable {
  package let problemCount: Int
  /// Share of right answers, 0 … 1, with its sample standard error.
  package let accuracy: Estimate
  /// Mean number of generated tokens with its sample standard error.
  package let tokensPerAnswer: Estimate
  /// Share of answers that reached their token limit; they count as wrong.
  package let truncatedShare: Double
  /// Compared with the reference; nil where there is none.
  package let flips: AnswerFlips?
  /// Mean change of tokens per answer from the reference, paired; nil where there is none.
  package let tokenChange: Estimate?
  /// Mean number of tokens of a prompt.
  package let tokensPerPrompt: Double
  /// A digit per answer, in order: 1 for a right one.
  package let outcomes: String
  /// The means of all scores that every answer has, by name; their errors are of the mean of answers.
  package let metrics: [MetricEstimate]

  /// Precondition: at least one answer; the reference's answers are to the same problems.
  package init(_ answers: [TaskAnswer], reference: [TaskAnswer]?) {
    precondition(reference == nil || reference?.count == answers.count, "answers to different problems")
    problemCount = answers.count
    accuracy = Estimate(meanOf: answers.map { $0.isRight ? 1 : 0 })
    tokensPerAnswer = Estimate(meanOf: answers.map { Double($0.tokenCount) })
    truncatedShare = Double(answers.count { $0.isTruncated }) / Double(answers.count)
    flips = reference.map { AnswerFlips(reference: $0.map(\.isRight), row: answers.map(\.isRight)) }
    tokenChange = reference.map { reference in
      Estimate(meanOf: zip(answers, reference).map { Double($0.tokenCount - $1.tokenCount) })
    }
    outcomes = answers.map { $0.isRight ? "1" : "0" }.joined()
    tokensPerPrompt = Moments.mean(answers.map { Double($0.promptTokens) })
    metrics = answers[0].scores.indices.compactMap { MetricEstimate(answers, index: $0) }
  }

  /// Whether the accuracy does not differ significantly from the reference's; false without a reference.
  package var isAccuracyWithinNoise: Bool { flips?.isWithinChance ?? false }
}

/// The mean of one score.
package struct MetricEstimate: Sendable, Equatable {
  package let name: String
  package let estimate: Estimate

  /// Nil when an answer has no such score, which happens in the sum of tasks of several kinds.
  fileprivate init?(_ answers: [TaskAnswer], index: Int) {
    let name = answers[0].scores[index].name
    let scores = answers.compactMap { $0.scores.indices.contains(index) ? $0.scores[index] : nil }
    guard scores.count == answers.count, scores.allSatisfy({ $0.name == name }) else { return nil }
    self.name = name
    let weight = scores.reduce(0) { $0 + $1.weight }
    let values = scores.map { $0.value * $0.weight }
    // A score of one part is a plain mean; of several parts the error is that of the mean of answers.
    estimate =
      scores.allSatisfy { $0.weight == 1 }
      ? Estimate(meanOf: values)
      : Estimate(
        value: values.reduce(0, +) / max(1, weight),
        standardError: Estimate(meanOf: scores.map(\.value)).standardError)
  }
}

/// Tasks of one file that have a score together: the subjects of mmlu.
package struct TaskGroup: Sendable, Equatable {
  package let name: String
  package let tasks: Set<String>

  package init(name: String, tasks: Set<String>) {
    self.name = name
    self.tasks = tasks
  }

  /// Nil for a file whose problems are all of the task that it is named after, or name their tasks themselves.
  init?(_ source: TaskSource, _ problems: [TaskProblem]) {
    let tasks = Set(problems.map(\.task))
    guard source.kind == .mmlu, tasks != [source.name] else { return nil }
    self.init(name: source.name, tasks: tasks)
  }
}

/// One task in all requested modes, or all tasks together.
package struct TaskResult: Sendable, Equatable {
  package let name: String
  package let scores: [AskMode: TaskScore]

  package init(name: String, scores: [AskMode: TaskScore]) {
    self.name = name
    self.scores = scores
  }

  package var thinking: TaskScore? { scores[.thinking] }
  package var nonThinking: TaskScore? { scores[.nonThinking] }
}

/// All answers of one row: for each mode that was asked, one answer per problem.
package struct RowAnswers: Sendable, Equatable {
  package var answers: [AskMode: [TaskAnswer]] = [:]

  package init(thinking: [TaskAnswer]? = nil, nonThinking: [TaskAnswer]? = nil) {
    answers[.thinking] = thinking
    answers[.nonThinking] = nonThinking
  }

  /// The replies to problems, judged.
  init(_ replies: [AskMode: [ReplyRecord]], to problems: [TaskProblem]) {
    answers = Dictionary(
      uniqueKeysWithValues: replies.map { mode, records in
        (mode, zip(records, problems).map { TaskAnswer($0, to: $1, mode: mode.mode) })
      })
  }

  /// One result per task, in order of first appearance, then the groups' and the sum of all; empty when there are no
  /// problems.
  package func results(
    problems: [TaskProblem], groups: [TaskGroup] = [], reference: RowAnswers?
  ) -> [TaskResult] {
    guard !problems.isEmpty else { return [] }
    var names: [String] = []
    var members: [String: [Int]] = [:]
    for (index, problem) in problems.enumerated() {
      if members[problem.task] == nil { names.append(problem.task) }
      members[problem.task, default: []].append(index)
    }
    for group in groups {
      let own = problems.indices.filter { group.tasks.contains(problems[$0].task) }
      // A limit may have left no problem of it.
      if own.isEmpty { continue }
      names.removeAll { $0 == group.name }
      names.append(group.name)
      members[group.name] = own
    }
    members[TaskProblem.aggregateName] = Array(problems.indices)
    return (names + [TaskProblem.aggregateName]).map { name in
      let indices = members[name] ?? []
      let scores = answers.map { mode, answers in
        let other = reference?.answers[mode]
        let score = TaskScore(
          indices.map { answers[$0] }, reference: other.map { sheet in indices.map { sheet[$0] } })
        return (mode, score)
      }
      return TaskResult(name: name, scores: Dictionary(uniqueKeysWithValues: scores))
    }
  }
}
