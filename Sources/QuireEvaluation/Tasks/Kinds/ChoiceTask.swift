import QuireJSON
import QuireText

/// Questions with several choices: mmlu, arc and hellaswag.
///
/// Without thinking, each choice is scored by its log-likelihood after the raw prompt, as lm-evaluation-harness does.
/// With thinking, the model reads the choices with letters and answers with one.
enum ChoiceTask {
  static let letterMetrics = ["exact_match,letter"]
  static let letterExtraction =
    "the letter after the last \"answer is\" or \"answer:\", else the last capital letter of a choice that stands alone"

  static func problem(_ line: TaskLine, kind: TaskKind, task: String) throws(EvaluationError) -> TaskProblem?
  {
    switch kind {
    case .arc: try arc(line, task)
    case .hellaswag: try hellaswag(line, task)
    default: try mmlu(line, task)
    }
  }

  // MARK: Lines

  /// MMLU's members, and those of MMLU-Redux; nil for a question that Redux has found faulty.
  private static func mmlu(_ line: TaskLine, _ task: String) throws(EvaluationError) -> TaskProblem? {
    if let fault = line.value["error_type"]?.stringValue, fault != "ok" { return nil }
    let choices = try line.texts("choices", in: 2...26)
    let right = try line.index("answer", below: choices.count)
    let question = TaskProblem.stripped(try line.text("question"))
    let listed = zip(letters, choices).map { "\n\($0). \($1)" }.joined()
    let subject = line.value["subject"]?.stringValue ?? ""
    var problem = TaskProblem(
      task: subject.isEmpty ? task : "\(task)_\(subject)", prompt: "\(question)\(listed)\nAnswer:",
      answer: letters[right], kind: .mmlu)
    problem.choices = Array(letters.prefix(choices.count))
    problem.rightChoice = right
    if !subject.isEmpty {
      let name = subject.replacing("_", with: " ")
      problem.introduction = "The following are multiple choice questions (with answers) about \(name).\n\n"
    }
    return problem
  }

  private static func arc(_ line: TaskLine, _ task: String) throws(EvaluationError) -> TaskProblem {
    let list = try line.object("choices")
    let choices = try list.texts("text", in: 2...26)
    let labels = try list.texts("label", in: choices.count...choices.count)
    let key = try line.text("answerKey")
    guard let right = labels.firstIndex(of: key) else {
      throw line.refusal("the member \"answerKey\" to be one of the labels", "\"\(key)\"")
    }
    return choice(
      "Question: \(try line.text("question"))\nAnswer:", choices, right, kind: .arc, task: task)
  }

  private static func hellaswag(_ line: TaskLine, _ task: String) throws(EvaluationError) -> TaskProblem {
    let second = try line.optionalText("ctx_b") ?? ""
    let context = "\(try line.text("ctx_a")) \(capitalized(second))"
    let query = cleaned("\(try line.text("activity_label")): \(context)")
    let endings = try line.texts("endings", in: 2...26).map(cleaned)
    return choice(
      query, endings, try line.index("label", below: endings.count), kind: .hellaswag, task: task)
  }

  private static func choice(
    _ prompt: String, _ choices: [String], _ right: Int, kind: TaskKind, task: String
  ) -> TaskProblem {
    var problem = TaskProblem(task: task, prompt: prompt, answer: choices[right], kind: kind)
    problem.choices = choices
    problem.rightChoice = right
    return problem
  }

  /// As Python's `str.capitalize`.
  private static func capitalized(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst().lowercased()
  }

  /// Without the marks of WikiHow's headings and notes in brackets.
  private static func cleaned(_ text: String) -> String {
    var text = TaskProblem.stripped(text).replacing(" [title]", with: ". ")
    var start = text.startIndex
    while let open = text[start...].firstIndex(of: "[") {
      // As in the original, a note does not extend over the end of a line.
      guard let end = text[open...].firstIndex(where: { $0 == "]" || $0.isNewline }) else { break }
      if text[end] == "]" {
        let offset = text.distance(from: text.startIndex, to: open)
        text.removeSubrange(open...end)
        start = text.index(text.startIndex, offsetBy: offset)
      } else {
        start = text.index(after: end)
      }
    }
    return text.replacing("  ", with: " ")
  }

  // MARK: Asking

  static let letters = (0..<26).map { String(UnicodeScalar(UInt8(65 + $0))) }

  /// The text that each choice continues: introduction, solved examples, question.
  static func context(_ problem: TaskProblem) -> String {
    problem.introduction + problem.shots.map { "\($0.question) \($0.answer)\n\n" }.joined() + problem.prompt
  }

  /// The user's message in thinking mode.
  static func letterQuestion(_ problem: TaskProblem) -> String {
    let lead = problem.kind == .hellaswag ? "Which continuation is the most sensible?\n\n" : ""
    // MMLU's question already lists its choices.
    var question = problem.prompt
    if problem.kind != .mmlu {
      if question.hasSuffix("\nAnswer:") { question.removeLast("\nAnswer:".count) }
      question += zip(letters, problem.choices).map { "\n\($0). \($1)" }.joined()
    } else if question.hasSuffix("\nAnswer:") {
      question.removeLast("\nAnswer:".count)
    }
    return lead + question + "\n\nAnswer with the letter of the right choice."
  }

  // MARK: Judging

  static func judge(scores: [Double], _ problem: TaskProblem) -> Judgement {
    func best(_ values: [Double]) -> Int? {
      values.max().flatMap { most in values.firstIndex(of: most) }
    }
    let plain = best(scores)
    guard let plain, scores.count == problem.choices.count else {
      return Judgement(scores: problem.kind.metrics(.nonThinking).map { MetricScore($0, 0) }, extracted: nil)
    }
    func score(_ name: String, _ choice: Int?) -> MetricScore {
      MetricScore(name, choice == problem.rightChoice ? 1 : 0)
    }
    if problem.kind == .mmlu {
      return Judgement(scores: [score("acc,none", plain)], extracted: problem.choices[plain])
    }
    // Characters as Python counts them: code points.
    let lengths = problem.choices.map { Double(max(1, $0.unicodeScalars.count)) }
    let normalized = best(zip(scores, lengths).map { $0 / $1 })
    return Judgement(
      scores: [score("acc_norm,none", normalized), score("acc,none", plain)],
      extracted: normalized.map { problem.choices[$0] })
  }

  static func judge(letterReply content: String, _ problem: TaskProblem) -> Judgement {
    let letter = letter(content, count: problem.choices.count)
    return Judgement(
      scores: [MetricScore(letterMetrics[0], letter == letters[problem.rightChoice] ? 1 : 0)],
      extracted: letter)
  }

  /// The letter after the last "answer is" or "answer:", else the last capital letter of a choice that stands alone. A
  /// small letter before another word is a word itself: "the answer is a combination".
  static func letter(_ content: String, count: Int) -> String? {
    let known = Set(letters.prefix(count))
    let words = content.split { !isInWord($0) }
    func gap(after index: Int) -> Substring {
      let next = index + 1
      return content[words[index].endIndex..<(next < words.count ? words[next].startIndex : content.endIndex)]
    }
    for index in words.indices.reversed() where words[index].lowercased() == "answer" {
      var next = index + 1
      var isMarked = gap(after: index).contains { $0 == ":" || $0 == "：" }
      if next < words.count, words[next].lowercased() == "is" { (next, isMarked) = (next + 1, true) }
      guard isMarked, next < words.count, known.contains(words[next].uppercased()) else { continue }
      if known.contains(String(words[next])) || !continues(gap(after: next), isLast: next + 1 == words.count)
      {
        return words[next].uppercased()
      }
    }
    return words.last { known.contains(String($0)) }.map(String.init)
  }

  /// Whether a character belongs to a word of an alphabet with capital letters. Others, such as Chinese, put no spaces
  /// between words, so that a letter of a choice next to them stands alone: "答案是D".
  private static func isInWord(_ character: Character) -> Bool {
    character.isCased || character.isNumber && !character.isLetter
  }

  /// Whether the text between two words joins them to one sentence.
  private static func continues(_ gap: Substring, isLast: Bool) -> Bool {
    !isLast && gap.first == " " && gap.allSatisfy { $0 == " " || "*_`\"'".contains($0) }
  }
}
