import QuireJSON
import QuireText

// The scores of tasks in a report; EvaluationReport+JSON.swift documents the keys.

extension TaskResult {
  /// The scores, thinking first, then non-thinking, then thinking budgets by size.
  var orderedScores: [(mode: AskMode, score: TaskScore)] {
    let order = ThinkingMode.allCases.map { AskMode($0) }
    let budgets = scores.keys.filter { $0.budget != nil }
      .sorted { ($0.budget ?? 0, $0.key) < ($1.budget ?? 0, $1.key) }
    return (order + budgets).compactMap { mode in scores[mode].map { (mode, $0) } }
  }

  /// The modes that were asked.
  func json(of row: EvaluationRow) -> JSONValue {
    var modes = JSONObject()
    for (mode, score) in orderedScores {
      modes[mode.key] = score.json(
        seconds: row.secondsPerAnswer(score), hasOutcomes: name == TaskProblem.aggregateName)
    }
    return .object(modes)
  }
}

extension TaskScore {
  fileprivate func json(seconds: Double?, hasOutcomes: Bool) -> JSONValue {
    var json: JSONObject = [
      "accuracy": .double(accuracy.value),
      "standardError": .measured(accuracy.standardError),
      "tokensPerAnswer": .double(tokensPerAnswer.value),
      "tokensPerAnswerError": .measured(tokensPerAnswer.standardError),
      "secondsPerAnswer": .measured(seconds),
      "problems": .int(problemCount),
      "truncatedShare": .double(truncatedShare),
      "flips": flips?.json ?? .null,
    ]
    if hasOutcomes { json["outcomes"] = .string(outcomes) }
    return .object(json)
  }
}

extension AnswerFlips {
  fileprivate var json: JSONValue {
    [
      "rightToWrong": .int(rightToWrong),
      "wrongToRight": .int(wrongToRight),
      "probability": .double(probability),
    ]
  }
}

extension JSONValue {
  /// A measured value; null where it was not measured.
  static func measured(_ value: Double?) -> JSONValue { value.map { .double($0) } ?? .null }
}
