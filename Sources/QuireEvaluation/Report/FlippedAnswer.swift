/// One answer that a row gives otherwise than the reference, where one of them is right.
package struct FlippedAnswer: Sendable, Equatable {
  /// One side: the reply without its thought, the answer that was found in it, and its length.
  package struct Side: Sendable, Equatable {
    package var content: String
    package var extracted: String?
    package var isRight: Bool
    package var tokenCount: Int

    package init(content: String, extracted: String?, isRight: Bool, tokenCount: Int) {
      self.content = content
      self.extracted = extracted
      self.isRight = isRight
      self.tokenCount = tokenCount
    }
  }

  /// The row's label.
  package var row: String
  package var task: String
  package var mode: AskMode
  package var prompt: String
  package var expected: String
  package var reference: Side
  package var own: Side
}

extension FlippedAnswer {
  private static let perRow = 10
  private static let textMaximum = 1200

  /// The first flips of a row in a mode, tasks in turn, so that one task does not fill the list.
  static func list(
    row: String, mode: AskMode, problems: [TaskProblem], reference: [TaskAnswer], own: [TaskAnswer]
  ) -> [FlippedAnswer] {
    var queues: [String: [Int]] = [:]
    var names: [String] = []
    for index in problems.indices where reference[index].isRight != own[index].isRight {
      let task = problems[index].task
      if queues[task] == nil { names.append(task) }
      queues[task, default: []].append(index)
    }
    var chosen: [Int] = []
    var round = 0
    while chosen.count < perRow, names.contains(where: { queues[$0, default: []].count > round }) {
      for name in names where chosen.count < perRow {
        if let queue = queues[name], queue.count > round { chosen.append(queue[round]) }
      }
      round += 1
    }
    return chosen.map { index in
      FlippedAnswer(
        row: row, task: problems[index].task, mode: mode, prompt: cut(problems[index].prompt),
        expected: cut(problems[index].answer), reference: side(reference[index]), own: side(own[index]))
    }
  }

  private static func side(_ answer: TaskAnswer) -> Side {
    Side(
      content: cut(answer.content), extracted: answer.extracted.map(cut), isRight: answer.isRight,
      tokenCount: answer.tokenCount)
  }

  private static func cut(_ text: String) -> String {
    text.count > textMaximum ? text.prefix(textMaximum) + "…" : text
  }
}
