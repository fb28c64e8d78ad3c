package import QuireText

/// The kinds of tasks: how a file's lines become questions, how these are asked, and how replies are judged.
///
/// The definitions of gsm8k, mmlu, arc, hellaswag and ifeval are those of lm-evaluation-harness 0.4, so that figures
/// can be compared; the enum only forwards to `Kinds/`.
package enum TaskKind: String, Sendable, CaseIterable {
  /// A reply is right when it equals the answer as text, byte for byte: 43.0 is not 43, as for lm-evaluation-harness's
  /// exact_match. Numbers are compared by value only in `qa`.
  case exact
  /// Plain questions and answers.
  case qa
  case gsm8k, mmlu, arc, hellaswag, ifeval

  /// Whether it has choices, which are scored by their log-likelihoods without thinking.
  package var hasChoices: Bool {
    switch self {
    case .mmlu, .arc, .hellaswag: true
    case .exact, .qa, .gsm8k, .ifeval: false
    }
  }

  /// Whether a reply that reached its token limit is wrong whatever it says.
  var requiresEnd: Bool { self == .exact || self == .qa }

  /// Strings at which a reply ends.
  var stops: [String] { self == .gsm8k ? GSM8KTask.stops : [] }

  /// The names of the scores of a reply, as in lm-evaluation-harness; the first is the accuracy of reports.
  package func metrics(_ mode: ThinkingMode) -> [String] {
    switch self {
    case .exact, .qa: ["exact_match,none"]
    case .gsm8k: GSM8KTask.metrics
    case .mmlu: mode == .thinking ? ChoiceTask.letterMetrics : ["acc,none"]
    case .arc, .hellaswag: mode == .thinking ? ChoiceTask.letterMetrics : ["acc_norm,none", "acc,none"]
    case .ifeval: InstructionTask.metrics
    }
  }

  /// How an answer is found in a reply, in words.
  package func extraction(_ mode: ThinkingMode) -> String {
    switch self {
    case .exact: "the whole reply equals the answer as text: 43.0 is not 43"
    case .qa: QuestionTask.extraction
    case .gsm8k: GSM8KTask.extraction
    case .mmlu: mode == .thinking ? ChoiceTask.letterExtraction : "the most probable letter"
    case .arc, .hellaswag:
      mode == .thinking
        ? ChoiceTask.letterExtraction : "the most probable choice, log-likelihood divided by its characters"
    case .ifeval: InstructionTask.extraction
    }
  }

  /// Judges a reply to a problem of this kind.
  package func judge(_ reply: ReplyRecord, to problem: TaskProblem, mode: ThinkingMode) -> Judgement {
    if hasChoices, mode == .nonThinking { return ChoiceTask.judge(scores: reply.choiceScores, problem) }
    // In thinking mode a reply without a thought has no closed one either.
    let isThoughtClosed = mode == .thinking ? reply.thoughtTokens > 0 : nil
    if isThoughtClosed == false || requiresEnd && reply.isTruncated {
      return Judgement(scores: metrics(mode).map { MetricScore($0, 0) }, extracted: nil)
    }
    switch self {
    case .exact:
      let isRight = problem.isAnswered(by: reply.content)
      return Judgement(
        scores: [MetricScore("exact_match,none", isRight ? 1 : 0)],
        extracted: TaskProblem.stripped(reply.content))
    case .qa: return QuestionTask.judge(reply.content, problem)
    case .gsm8k: return GSM8KTask.judge(reply.content, problem)
    case .mmlu, .arc, .hellaswag: return ChoiceTask.judge(letterReply: reply.content, problem)
    case .ifeval: return InstructionTask.judge(reply.content, problem)
    }
  }
}

/// One score of a reply.
package struct MetricScore: Sendable, Equatable {
  /// The name in reports: "exact_match,strict-match".
  package let name: String
  /// 0 … 1; a share where a reply has several parts.
  package let value: Double
  /// The number of parts.
  package let weight: Double

  package init(_ name: String, _ value: Double, weight: Double = 1) {
    self.name = name
    self.value = value
    self.weight = weight
  }
}

/// What a judge says of a reply.
package struct Judgement: Sendable, Equatable {
  /// At least one; the first decides whether the reply is right.
  package let scores: [MetricScore]
  /// The answer that was found in the reply; nil when there is none.
  package let extracted: String?

  package init(scores: [MetricScore], extracted: String?) {
    self.scores = scores
    self.extracted = extracted
  }

  package var isRight: Bool { scores.first.map { $0.value == 1 } ?? false }
}
