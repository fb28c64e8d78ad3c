import Foundation
import QuireJSON

/// Reads task files: one JSON object a line with the string members `task`, `prompt` and `answer`.
///
///     {"task": "add", "prompt": "What is 2311+9744?", "answer": "12055"}
///
/// Blank lines are skipped; other members (an id, a source) are allowed and ignored.
package enum TaskFile {
  /// Every problem of the file, in its order.
  ///
  /// Throws when the file cannot be read, a line is not a problem, or there is no problem at all.
  package static func read(path: String) throws(EvaluationError) -> [TaskProblem] {
    let bytes = try InputText.bytes(path: path, purpose: "tasks, one JSON object a line,")
    return try parse(bytes, file: path)
  }

  /// As `read(path:)` for bytes in memory; `file` is what error sentences call them.
  package static func parse(_ bytes: [UInt8], file: String) throws(EvaluationError) -> [TaskProblem] {
    var problems: [TaskProblem] = []
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where !line.allSatisfy(isBlank) {
      problems.append(try problem(line, file: file, line: index + 1))
    }
    if problems.isEmpty { throw .emptyFile(path: file, expected: "at least one problem") }
    return problems
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
  }

  private static func problem(
    _ bytes: ArraySlice<UInt8>, file: String, line: Int
  ) throws(EvaluationError) -> TaskProblem {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(bytes)
    } catch {
      throw .malformedTask(file: file, line: line, expected: "a JSON object", found: "an error (\(error))")
    }
    func member(_ key: String) throws(EvaluationError) -> String {
      let expected = "the member \"\(key)\", a string that is not blank"
      guard let member = value[key] else {
        let found = value.objectValue == nil ? value.kindDescription : "no such member"
        throw .malformedTask(file: file, line: line, expected: expected, found: found)
      }
      guard let text = member.stringValue else {
        throw .malformedTask(file: file, line: line, expected: expected, found: member.kindDescription)
      }
      guard !TaskProblem.stripped(text).isEmpty else {
        throw .malformedTask(file: file, line: line, expected: expected, found: "a blank one")
      }
      return text
    }
    let problem = TaskProblem(
      task: try member("task"), prompt: try member("prompt"), answer: try member("answer"))
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
