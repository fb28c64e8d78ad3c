/// One question with what decides whether a reply is right.
package struct TaskProblem: Sendable, Equatable {
  /// The task it belongs to; scores are given per task.
  package let task: String
  /// The question as the user asks it: the last message of the chat, or the end of a prompt that choices continue.
  package let prompt: String
  /// The right answer, without white space at its ends. Of several choices, the text of the right one.
  package let answer: String
  /// How it is asked and judged.
  package var kind = TaskKind.exact
  /// Other right answers.
  package var otherAnswers: [String] = []
  /// The choices, in order; empty unless the kind has some.
  package var choices: [String] = []
  /// The index of the right choice.
  package var rightChoice = 0
  /// What the reply must obey; empty unless the kind checks instructions.
  package var instructions: [Instruction] = []
  /// A text before the examples and the question.
  package var introduction = ""
  /// The system message of the chat; nil for none.
  package var system: String?
  /// Solved examples before the question.
  package var shots: [TaskShot] = []

  /// The name of the score over all problems in reports; no task may use it.
  package static let aggregateName = "all"

  package init(task: String, prompt: String, answer: String, kind: TaskKind = .exact) {
    self.task = task
    self.prompt = prompt
    self.answer = answer
    self.kind = kind
  }

  /// Whether a text without white space at its ends equals the answer, byte for byte.
  package func isAnswered(by content: String) -> Bool {
    Self.stripped(content).utf8.elementsEqual(answer.utf8)
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

/// A solved example.
package struct TaskShot: Sendable, Equatable {
  package let question: String
  package let answer: String

  package init(question: String, answer: String) {
    self.question = question
    self.answer = answer
  }
}
