/// One question with one right answer.
package struct TaskProblem: Sendable, Equatable {
  /// The task it belongs to; scores are given per task.
  package let task: String
  /// The user's message, the only message of the chat.
  package let prompt: String
  /// The right answer, without white space at its ends.
  package let answer: String

  /// The name of the score over all problems in reports; no task may use it.
  package static let aggregateName = "all"

  package init(task: String, prompt: String, answer: String) {
    self.task = task
    self.prompt = prompt
    self.answer = answer
  }

  /// The text without Unicode white space at its ends.
  static func stripped(_ text: String) -> String {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
      let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
    else { return "" }
    return String(scalars[first...last])
  }
}
