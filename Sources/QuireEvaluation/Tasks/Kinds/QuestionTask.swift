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
    let ends = ["answer is", "answer:"].compactMap { lower.lastRange(of: $0)?.upperBound }
    if let end = ends.max() {
      let rest = lower[end...].drop { $0 == ":" || $0.isWhitespace }
      // "**Answer:** 42": marks that belong to the words before; an answer of nothing but marks is one.
      let plain = rest.drop { "*_:".contains($0) || $0.isWhitespace }
      return TaskProblem.stripped(String((plain.isEmpty ? rest : plain).prefix { !$0.isNewline }))
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
    Double(text.replacing(",", with: "").replacing("$", with: "")).flatMap { $0.isFinite ? $0 : nil }
  }

  /// In lower case, without articles, and without punctuation and white space at the ends. An answer that has nothing else
  /// keeps them, since it could never be right otherwise.
  static func normalized(_ text: String) -> String {
    let whole = TaskProblem.stripped(text.lowercased())
    let words = trimmed(whole, edges).split(whereSeparator: \.isWhitespace).map(String.init)
    let kept = words.filter { !["a", "an", "the"].contains($0) }
    let joined = (kept.isEmpty ? words : kept).joined(separator: " ")
    let found = trimmed(joined, edges)
    if !found.isEmpty { return found }
    let unquoted = trimmed(whole, quotes)
    return unquoted.isEmpty ? whole : unquoted
  }

  private static let quotes = "*_`\"'"
  private static let edges = quotes + ".,;:!?()[]{}$"

  /// The text without these characters and white space at its ends, except for a point before a digit.
  private static func trimmed(_ text: String, _ marks: String) -> String {
    func isEdge(_ character: Character) -> Bool { character.isWhitespace || marks.contains(character) }
    var rest = text[...]
    while let first = rest.first, isEdge(first) {
      if first == ".", rest.dropFirst().first?.isNumber ?? false { break }
      rest.removeFirst()
    }
    while let last = rest.last, isEdge(last) { rest.removeLast() }
    return String(rest)
  }
}
