import QuireFiles
import QuireJSON

/// Reads task files: one JSON object per line, whose members depend on the kind of the task.
///
///     {"task": "add", "prompt": "What is 2311+9744?", "answer": "12055"}            exact
///     {"question": "Who wrote Emma?", "answer": "Jane Austen"}                      qa
///     {"question": "Tom has 3 …", "answer": "3 + 4 = 7\n#### 7"}                    gsm8k
///     {"question": "…", "choices": ["…", "…"], "answer": 1, "subject": "anatomy"}   mmlu
/// No task has the name of a quantity that conditions are about, such as "size" (see ``Gate``), or "all" or "tasks".
/// Blank lines are skipped. In a file of the kind `exact`, `id` and `source` are allowed and ignored, and any other
/// member is refused, since it may ask for something that is not implemented; in files of published data sets further
/// members are ignored.
package enum TaskFile {
  private static let members = ["task", "prompt", "answer", "id", "source"]

  /// Every problem of the file, in its order.
  ///
  /// - Parameter task: the name of the task, where lines do not name one.
  /// Throws when the file cannot be read, a line is not a problem, or there is no problem at all.
  package static func read(
    path: String, kind: TaskKind = .exact, task: String? = nil
  ) throws(EvaluationError) -> [TaskProblem] {
    try parse(
      EvaluationError.text(path: path, purpose: "tasks, one JSON object a line,"), file: path, kind: kind,
      task: task)
  }

  /// As `read(path:)` for bytes in memory; `file` is the name in error sentences.
  package static func parse(
    _ bytes: [UInt8], file: String, kind: TaskKind = .exact, task: String? = nil
  ) throws(EvaluationError) -> [TaskProblem] {
    let text: [UInt8]
    do throws(TextProblem) { text = try TextFile.bytes(bytes) } catch {
      throw .unreadableFile(path: file, purpose: "tasks", found: error.description)
    }
    var problems: [TaskProblem] = []
    for line in JSONLines(text) {
      let read = try self.line(line.bytes, file: file, number: line.number)
      if let problem = try problem(read, kind: kind, task: task ?? kind.rawValue) {
        if GateCondition.isReserved(problem.task) {
          throw read.refusal("a task name other than \"\(problem.task)\"", GateCondition.reservation)
        }
        problems.append(problem)
      }
    }
    if problems.isEmpty { throw .emptyFile(path: file, expected: "at least one problem") }
    return problems
  }

  private static func line(
    _ bytes: ArraySlice<UInt8>, file: String, number: Int
  ) throws(EvaluationError) -> TaskLine {
    do throws(JSONError) {
      return TaskLine(value: try JSONValue.parse(bytes), file: file, number: number)
    } catch {
      throw .malformedTask(
        file: file, line: number, expected: "a JSON object", found: "an error (\(error))")
    }
  }

  /// Nil for a question that the data set marks as faulty.
  private static func problem(
    _ line: TaskLine, kind: TaskKind, task: String
  ) throws(EvaluationError) -> TaskProblem? {
    switch kind {
    case .exact: try exact(line)
    case .qa: try QuestionTask.problem(line, task: task)
    case .gsm8k: try GSM8KTask.problem(line, task: task)
    case .mmlu, .arc, .hellaswag: try ChoiceTask.problem(line, kind: kind, task: task)
    case .ifeval: try InstructionTask.problem(line, task: task)
    }
  }

  private static func exact(_ line: TaskLine) throws(EvaluationError) -> TaskProblem {
    let problem = TaskProblem(
      task: try line.text("task"), prompt: try line.text("prompt"),
      answer: try line.text("answer", takesNumbers: true))
    if let other = line.value.objectValue?.keys.first(where: { !members.contains($0) }) {
      throw line.refusal(
        "only the members task, prompt and answer (and id or source, which are ignored)",
        "\"\(other)\", which nothing here reads")
    }
    if !TaskProblem.stripped(problem.answer).utf8.elementsEqual(problem.answer.utf8) {
      throw line.refusal(
        "an answer without white space at its ends", "one with it, which no reply can equal")
    }
    return problem
  }
}
