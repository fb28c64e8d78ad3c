import QuireJSON

/// Word problems with a worked answer that ends in "#### 18".
///
/// Two ways to find the number in a reply, both those of lm-evaluation-harness's `gsm8k`: the last number anywhere, and
/// the number after "####".
enum GSM8KTask {
  static let metrics = ["exact_match,flexible-extract", "exact_match,strict-match"]
  static let extraction = "the last number of the reply; strict-match: the number after ####"
  static let stops = ["Question:", "</s>", "<|im_end|>"]

  static func problem(_ line: TaskLine, task: String) throws(EvaluationError) -> TaskProblem {
    let answer = TaskProblem.stripped(try line.text("answer"))
    guard answer.contains("####") else {
      throw line.refusal("an answer that ends in \"#### \" and a number", "none")
    }
    return TaskProblem(
      task: task, prompt: "Question: \(try line.text("question"))\nAnswer:", answer: answer, kind: .gsm8k)
  }

  static func judge(_ content: String, _ problem: TaskProblem) -> Judgement {
    let wanted = normalized(problem.answer)
    let last = lastNumber(content)
    let marked = markedNumber(content)
    func score(_ name: String, _ found: String?) -> MetricScore {
      MetricScore(name, found.map(normalized) == wanted ? 1 : 0)
    }
    return Judgement(scores: [score(metrics[0], last), score(metrics[1], marked)], extracted: last ?? marked)
  }

  /// The last match of `(-?[$0-9.,]{2,})|(-?[0-9]+)`.
  static func lastNumber(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    var found: Range<Int>?
    var index = 0
    while index < bytes.count {
      if let end = number(bytes, at: index) {
        found = index..<end
        index = end
      } else {
        index += 1
      }
    }
    return found.map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  /// The end of a match that starts at `start`.
  private static func number(_ bytes: [UInt8], at start: Int) -> Int? {
    let first = bytes[start] == UInt8(ascii: "-") ? start + 1 : start
    var end = first
    while end < bytes.count, isDigit(bytes[end]) || "$.,".utf8.contains(bytes[end]) { end += 1 }
    if end - first >= 2 { return end }
    end = first
    while end < bytes.count, isDigit(bytes[end]) { end += 1 }
    return end > first ? end : nil
  }

  /// The first match of `#### (\-?[0-9\.\,]+)`, without the mark.
  static func markedNumber(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    let mark = Array("#### ".utf8)
    guard bytes.count > mark.count else { return nil }
    for start in 0..<bytes.count - mark.count where bytes[start...].starts(with: mark) {
      let first = start + mark.count
      let digits = bytes[first] == UInt8(ascii: "-") ? first + 1 : first
      var end = digits
      while end < bytes.count, isDigit(bytes[end]) || ".,".utf8.contains(bytes[end]) { end += 1 }
      if end > digits { return String(decoding: bytes[first..<end], as: UTF8.self) }
    }
    return nil
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  /// Without everything up to the last "#### ", commas, dollar signs and a final full stop; in lower case.
  static func normalized(_ text: String) -> String {
    var text = text
    text.removeAll { $0 == "," || $0 == "$" }
    if let mark = text.lastRange(of: "#### ") { text = String(text[mark.upperBound...]) }
    if text.hasSuffix(".") { text.removeLast() }
    return text.lowercased()
  }
}

extension String {
  /// The last occurrence of a text.
  func lastRange(of part: String) -> Range<String.Index>? {
    ranges(of: part).last
  }
}
