/// Decides whether replies to problems are right.
///
/// A task file says what was asked and what is right; a judge says how a reply is compared with it. `ExactMatch` is the
/// only one today.
package protocol Judge: Sendable {
  /// Whether a reply that was not cut short is right.
  func isRight(_ reply: TaskReply, to problem: TaskProblem) -> Bool
}

/// What a model said to a problem.
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

/// Right is a reply whose content, stripped of white space at both ends, is the answer, byte for byte. A thinking reply
/// without a closed thought is wrong.
package struct ExactMatch: Judge {
  package init() {}

  package func isRight(_ reply: TaskReply, to problem: TaskProblem) -> Bool {
    if reply.isThoughtClosed == false { return false }
    return TaskProblem.stripped(reply.content).utf8.elementsEqual(problem.answer.utf8)
  }
}
