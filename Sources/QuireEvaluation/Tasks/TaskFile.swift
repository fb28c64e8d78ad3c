import QuireFiles
import QuireJSON

/// Reads task files: one JSON object per line with the members `task`, `prompt` and `answer`. A number as the
/// answer stands for its text.
///
///     {"task": "add", "prompt": "What is 2311+9744?", "answer": "12055"}
/// Blank lines are skipped. `id` and `source` are allowed and ignored. Any other member is refused, since it may
/// ask for something that is not implemented, such as multiple choice.
/// something that is not done, such as a choice among answers.
package enum TaskFile {
  private static let members = ["task", "prompt", "answer", "id", "source"]

  /// Every problem of the file, in its order.
  ///
  /// Throws when the file cannot be read, a line is not a problem, or there is no problem at all.
  package static func read(path: String) throws(EvaluationError) -> [TaskProblem] {
    try parse(EvaluationError.text(path: path, purpose: "tasks, one JSON object a line,"), file: path)
  }

  /// As `read(path:)` for bytes in memory; `file` is the name in error sentences.
  package static func parse(_ bytes: [UInt8], file: String) throws(EvaluationError) -> [TaskProblem] {
    let text: [UInt8]
    do throws(TextProblem) { text = try TextFile.bytes(bytes) } catch {
      throw .unreadableFile(path: file, purpose: "tasks", found: error.description)
    }
    var problems: [TaskProblem] = []
    for line in JSONLines(text) {
      problems.append(try problem(line.bytes, file: file, line: line.number))
    }
    if problems.isEmpty { throw .emptyFile(path: file, expected: "at least one problem") }
    return problems
  }

  private static func problem(
    _ bytes: ArraySlice<UInt8>, file: String, line: Int
  ) throws(EvaluationError) -> TaskProblem {
    func refused(_ expected: String, _ found: String) -> EvaluationError {
      .malformedTask(file: file, line: line, expected: expected, found: found)
    }
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(bytes)
    } catch {
      throw refused("a JSON object", "an error (\(error))")
    }
    func member(_ key: String, takesNumbers: Bool = false) throws(EvaluationError) -> String {
      let expected =
        "the member \"\(key)\", a string\(takesNumbers ? " or a number" : "") that is not blank"
      guard let member = value[key] else {
        throw refused(expected, value.objectValue == nil ? value.kindDescription : "no such member")
      }
      if takesNumbers, case .number(let number) = member { return number.literal }
      guard let text = member.stringValue else { throw refused(expected, member.kindDescription) }
      guard !TaskProblem.stripped(text).isEmpty else { throw refused(expected, "a blank one") }
      return text
    }
    let problem = TaskProblem(
      task: try member("task"), prompt: try member("prompt"),
      answer: try member("answer", takesNumbers: true))
    if let other = value.objectValue?.keys.first(where: { !members.contains($0) }) {
      throw refused(
        "only the members task, prompt and answer (and id or source, which are ignored)",
        "\"\(other)\", which nothing here reads")
    }
    try check(problem, file: file, line: line)
    return problem
  }

  private static func check(_ problem: TaskProblem, file: String, line: Int) throws(EvaluationError) {
    if problem.task == TaskProblem.aggregateName {
      throw .malformedTask(
        file: file, line: line, expected: "a task name other than \"\(TaskProblem.aggregateName)\"",
        found: "the name that the sum of all tasks has in reports")
    }
    if !TaskProblem.stripped(problem.answer).utf8.elementsEqual(problem.answer.utf8) {
      throw .malformedTask(
        file: file, line: line, expected: "an answer without white space at its ends",
        found: "one with it, which no reply can equal")
    }
  }
}
