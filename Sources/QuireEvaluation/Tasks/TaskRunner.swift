import QuireGeneration
import QuireText

/// Asks problems in one mode and has the answers judged: greedy, all at once, with the engine that serves users.
struct TaskRunner {
  let runner: RequestRunner
  let tokenizer: Tokenizer
  var judge: any Judge = ExactMatch()

  /// The chat of each problem in each mode, as token ids.
  static func prompt(
    _ problem: TaskProblem, mode: ThinkingMode, tokenizer: Tokenizer
  ) throws(EvaluationError) -> [Int32] {
    do {
      return try tokenizer.chatFormat.required().render(
        messages: [ChatMessage(role: .user, content: problem.prompt)], mode: mode
      ).tokens(tokenizer)
    } catch {
      throw .model(error.description)
    }
  }

  /// One answer per problem, in order.
  ///
  /// - Parameters:
  ///   - maximumTokens: answers of this length are truncated and count as wrong.
  ///   - onFinished: called after each finished answer with the number of those finished so far.
  func answers(
    to problems: [TaskProblem], mode: ThinkingMode, maximumTokens: Int, onFinished: (Int) -> Void
  ) throws(EvaluationError) -> [TaskAnswer] {
    var requests: [GenerationRequest] = []
    for problem in problems {
      requests.append(
        GenerationRequest(
          promptTokens: try Self.prompt(problem, mode: mode, tokenizer: tokenizer), sampling: .greedy,
          maximumTokens: maximumTokens, chatFormat: tokenizer.chatFormat.format))
    }
    let answers = try runner.run(requests, onFinished: onFinished)
    return zip(problems, answers).map { problem, answer in
      // A reply without any thought has no closed one either.
      let isThoughtClosed = mode == .thinking ? answer.result.reasoningTokens > 0 : nil
      let reply = TaskReply(content: answer.content, isThoughtClosed: isThoughtClosed)
      return TaskAnswer(
        isRight: judge.isRight(reply, to: problem),
        tokenCount: answer.result.completionTokens, isTruncated: answer.result.reason == .length)
    }
  }
}
