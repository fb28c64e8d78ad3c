/// The outcome of one problem in one mode.
package struct TaskAnswer: Sendable, Equatable {
  /// Never true for a truncated answer.
  package let isRight: Bool
  /// Generated tokens, thought and end included.
  package let tokenCount: Int
  /// Whether the answer reached its token limit.
  package let isTruncated: Bool

  package init(isRight: Bool, tokenCount: Int, isTruncated: Bool) {
    self.isRight = isRight && !isTruncated
    self.tokenCount = tokenCount
    self.isTruncated = isTruncated
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
  }

  /// Whether the accuracy does not differ significantly from the reference's; false without a reference.
  package var isAccuracyWithinNoise: Bool { flips?.accuracyChange.isWithinNoise(of: 0) ?? false }
}

/// One task in all requested modes, or all tasks together.
package struct TaskResult: Sendable, Equatable {
  package let name: String
  package let thinking: TaskScore?
  package let nonThinking: TaskScore?

  package init(name: String, thinking: TaskScore?, nonThinking: TaskScore?) {
    self.name = name
    self.thinking = thinking
    self.nonThinking = nonThinking
  }
}

/// All answers of one row: per mode, one answer per problem; nil for a mode that was not requested.
package struct AnswerSheet: Sendable, Equatable {
  package var thinking: [TaskAnswer]?
  package var nonThinking: [TaskAnswer]?

  package init(thinking: [TaskAnswer]? = nil, nonThinking: [TaskAnswer]? = nil) {
    self.thinking = thinking
    self.nonThinking = nonThinking
  }

  /// One result per task, in order of first appearance, then the sum of all; empty when there are no problems.
  package func results(problems: [TaskProblem], reference: AnswerSheet?) -> [TaskResult] {
    guard !problems.isEmpty else { return [] }
    var names: [String] = []
    var members: [String: [Int]] = [:]
    for (index, problem) in problems.enumerated() {
      if members[problem.task] == nil { names.append(problem.task) }
      members[problem.task, default: []].append(index)
    }
    members[TaskProblem.aggregateName] = Array(problems.indices)
    return (names + [TaskProblem.aggregateName]).map { name in
      let indices = members[name] ?? []
      return TaskResult(
        name: name,
        thinking: Self.score(thinking, reference?.thinking, indices),
        nonThinking: Self.score(nonThinking, reference?.nonThinking, indices))
    }
  }

  private static func score(
    _ answers: [TaskAnswer]?, _ reference: [TaskAnswer]?, _ indices: [Int]
  ) -> TaskScore? {
    answers.map { answers in
      TaskScore(indices.map { answers[$0] }, reference: reference.map { sheet in indices.map { sheet[$0] } })
    }
  }
}
