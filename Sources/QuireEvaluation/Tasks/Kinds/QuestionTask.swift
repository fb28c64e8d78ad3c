import Foundation
import QuireJSON

/// Plain questions: lines with `question` and `answer`, and optionally `answers`, all of which are right.
enum QuestionTask {
  static let extraction =
    "what follows the last \"answer is\" or \"answer:\", else the last line; compared without case, articles and "
    + "punctuation at the ends, numbers by value"

  static func problem(_ line: TaskLine, task: String) throws(EvaluationError) -> TaskProblem {
    var answers: [String] = []
    if line.value["answers"] != nil { answers = try line.texts("answers", in: 1...1000) }
    if line.value["answer"] != nil { answers.insert(try line.text("answer", takesNumbers: true), at: 0) }
    guard let first = answers.first else { throw line.refusal("the member \"answer\"", "no such member") }
    var problem = TaskProblem(
      task: line.value["task"] == nil ? task : try line.text("task"), prompt: try line.text("question"),
      answer: TaskProblem.stripped(first), kind: .qa)
    problem.otherAnswers = answers.dropFirst().map(TaskProblem.stripped)
    return problem
  }

  static func judge(_ content: String, _ problem: TaskProblem) -> Judgement {
    let found = extract(content)
    let isRight = ([problem.answer] + problem.otherAnswers).contains { isSame(found, $0) }
    return Judgement(
      scores: [MetricScore("exact_match,none", isRight ? 1 : 0)], extracted: found.isEmpty ? nil : found)
  }

  static func extract(_ content: String) -> String {
    let lower = content.lowercased()
    // Lower case may change the length of a text, so the markers are searched in what is cut as well.
    for marker in ["answer is", "answer:"] {
      if let range = lower.lastRange(of: marker) {
        let line = lower[range.upperBound...].drop { $0 == ":" || $0.isWhitespace }
        return TaskProblem.stripped(String(line.prefix { !$0.isNewline }))
      }
    }
    let lines = content.split(whereSeparator: \.isNewline).map { TaskProblem.stripped(String($0)) }
    return lines.last { !$0.isEmpty } ?? ""
  }

  private static func isSame(_ found: String, _ answer: String) -> Bool {
    let (one, other) = (normalized(found), normalized(answer))
    if one == other { return !one.isEmpty }
    guard let left = number(one), let right = number(other) else { return false }
    return left == right
  }

  private static func number(_ text: String) -> Double? {
    Double(text.replacing(",", with: "")).flatMap { $0.isFinite ? $0 : nil }
  }

  static func normalized(_ text: String) -> String {
    let words = text.lowercased().split(whereSeparator: \.isWhitespace)
      .filter { !["a", "an", "the"].contains($0) }
    let joined = words.joined(separator: " ")
    let isEdge: (Character) -> Bool = { "*_`\"'.,;:!?()[]{}$".contains($0) }
    return String(joined.drop(while: isEdge).reversed().drop(while: isEdge).reversed())
  }
}
