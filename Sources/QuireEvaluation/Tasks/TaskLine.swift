import QuireJSON

/// A line of a task file, or an object in it, with what errors name.
struct TaskLine {
  let value: JSONValue
  let file: String
  /// From 1.
  let number: Int

  func refusal(_ expected: String, _ found: String) -> EvaluationError {
    .malformedTask(file: file, line: number, expected: expected, found: found)
  }

  /// A string that is not blank.
  func text(_ key: String, takesNumbers: Bool = false) throws(EvaluationError) -> String {
    let expected = "the member \"\(key)\", a string\(takesNumbers ? " or a number" : "") that is not blank"
    guard let member = value[key] else {
      throw refusal(expected, value.objectValue == nil ? value.kindDescription : "no such member")
    }
    if takesNumbers, case .number(let number) = member { return number.literal }
    guard let text = member.stringValue else { throw refusal(expected, member.kindDescription) }
    guard !TaskProblem.stripped(text).isEmpty else { throw refusal(expected, "a blank one") }
    return text
  }

  /// A string that may be missing or blank.
  func optionalText(_ key: String) throws(EvaluationError) -> String? {
    guard let member = value[key], !member.isNull else { return nil }
    guard let text = member.stringValue else {
      throw refusal("the member \"\(key)\", a string", member.kindDescription)
    }
    return text
  }

  func texts(_ key: String, in counts: ClosedRange<Int>) throws(EvaluationError) -> [String] {
    let expected = "the member \"\(key)\", an array of \(counts.lowerBound) to \(counts.upperBound) strings"
    guard let array = value[key]?.arrayValue else {
      throw refusal(expected, value[key]?.kindDescription ?? "no such member")
    }
    let texts = array.compactMap(\.stringValue)
    guard texts.count == array.count, counts.contains(texts.count) else {
      throw refusal(expected, texts.count == array.count ? "\(texts.count)" : "other values in it")
    }
    return texts
  }

  /// An index, given as a number, as its digits, or as a letter.
  func index(_ key: String, below count: Int) throws(EvaluationError) -> Int {
    let member = value[key]
    let text = member?.stringValue.map(TaskProblem.stripped) ?? ""
    let found = member?.intValue ?? Int(text) ?? ChoiceTask.letters.firstIndex(of: text)
    guard let found, (0..<count).contains(found) else {
      throw refusal(
        "the member \"\(key)\", the number of the right choice from 0 to \(count - 1) or its letter",
        member.map { $0.serialized() } ?? "no such member")
    }
    return found
  }

  func object(_ key: String) throws(EvaluationError) -> TaskLine {
    guard let member = value[key], member.objectValue != nil else {
      throw refusal("the member \"\(key)\", an object", value[key]?.kindDescription ?? "no such member")
    }
    return TaskLine(value: member, file: file, number: number)
  }
}
