/// Decides whether replies to problems are right.
///
/// A task file gives problems and right answers; a judge compares a reply with the answer. `ExactMatch` is the only
/// one so far.
package protocol Judge: Sendable {
  /// Whether a reply is right that was not truncated.
  func isRight(_ reply: TaskReply, to problem: TaskProblem) -> Bool
}

/// A model's reply to a problem.
package struct TaskReply: Sendable, Equatable {
  /// The text outside of the thought.
  package let content: String
  /// Whether the reply had a thought and closed it; nil in non-thinking mode, which has none.
  package let isThoughtClosed: Bool?

  package init(content: String, isThoughtClosed: Bool?) {
    self.content = content
    self.isThoughtClosed = isThoughtClosed
  }
}

/// A reply is right when its content, without white space at both ends, equals the answer byte for byte. A thinking
/// reply without a closed thought is wrong.
package struct ExactMatch: Judge {
  package init() {}

  package func isRight(_ reply: TaskReply, to problem: TaskProblem) -> Bool {
    if reply.isThoughtClosed == false { return false }
    return TaskProblem.stripped(reply.content).utf8.elementsEqual(problem.answer.utf8)
  }
}
