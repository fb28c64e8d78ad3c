import QuireJSON
import QuireRemote
import QuireText

/// Asks problems of a server: chats through `chat/completions`, choices by log-probability through `completions`.
struct ServerTasks {
  let model: ServerModel
  let tokenizer: Tokenizer
  /// Requests at the same time.
  let width: Int

  /// What came of a problem.
  private enum Outcome: Sendable {
    case reply(ReplyRecord)
    /// The server cannot do what the mode needs.
    case unable(String)
  }

  private enum Halt: Error {
    case unable(String)
    case failed(EvaluationError)
  }

  /// Adds a reply to `log` for each problem that has none.
  ///
  /// - Returns: nil when every problem has a reply; otherwise why the server cannot answer in this mode, as the end of a
  ///   sentence.
  func ask(
    _ problems: [TaskProblem], mode: AskMode, maximumTokens: Int, log: inout ReplyLog,
    onFinished: (Int) -> Void
  ) throws(EvaluationError) -> String? {
    if !log.records.isEmpty { onFinished(log.records.count) }
    let open = problems.indices.filter { log.records[$0] == nil }
    var queries: [Query] = []
    for index in open { queries.append(try query(problems[index], mode)) }
    let known = queries
    let chat = ServerChat(mode: mode, maximumTokens: maximumTokens, model: model.name, tokenizer: tokenizer)
    do throws(Halt) {
      try RemotePool(model.server, width: width).run(
        open.count,
        { [self] job, connection throws(RemoteError) in
          try outcome(known[job], problems[open[job]], chat, connection)
        },
        failure: { .failed(.remote($0)) },
        onFinished: { job, outcome throws(Halt) in
          switch outcome {
          case .unable(let reason): throw .unable(reason)
          case .reply(let record):
            do throws(EvaluationError) { try log.append(record, to: open[job]) } catch {
              throw .failed(error)
            }
            onFinished(log.records.count)
          }
        })
    } catch {
      switch error {
      case .unable(let reason): return reason
      case .failed(let error): throw error
      }
    }
    return nil
  }

  private enum Query: Sendable {
    case chat
    /// The prompt with each choice, and the number of tokens of the choice.
    case choices([(tokens: [Int32], choiceCount: Int)])
  }

  private func query(_ problem: TaskProblem, _ mode: AskMode) throws(EvaluationError) -> Query {
    guard problem.kind.hasChoices, mode.mode == .nonThinking else { return .chat }
    return .choices(TaskRunner.pairs(problem, tokenizer: tokenizer))
  }

  private func outcome(
    _ query: Query, _ problem: TaskProblem, _ chat: ServerChat, _ connection: RemoteConnection
  ) throws(RemoteError) -> Outcome {
    do throws(RemoteError) {
      switch query {
      case .chat:
        let answer = try model.server.send(
          chat.body(problem), to: "chat/completions", over: connection)
        switch chat.reply(answer, to: problem) {
        case .success(let record): return .reply(record)
        case .failure(let fault): return .unable(fault.reason)
        }
      case .choices(let prompts): return try scores(prompts, problem, connection)
      }
    } catch {
      guard let refusal = error.refusal else { throw error }
      return .unable("it refuses a request with status \(refusal.status): \(refusal.message)")
    }
  }

  private func scores(
    _ prompts: [(tokens: [Int32], choiceCount: Int)], _ problem: TaskProblem, _ connection: RemoteConnection
  ) throws(RemoteError) -> Outcome {
    if case .none(let reason) = model.scoring {
      guard prompts.allSatisfy({ $0.choiceCount == 1 }) else { return .unable(reason) }
      return try letters(problem, connection).map(Outcome.reply) ?? .unable(reason)
    }
    var record = ReplyRecord()
    for prompt in prompts {
      let answer = try model.server.send(
        model.scoring.body(prompt.tokens, model: model.name), to: "completions", over: connection)
      guard let logprobs = model.scoring.logprobs(in: answer, count: prompt.tokens.count) else {
        return .unable("an answer has no log-probabilities of the prompt's tokens")
      }
      record.promptTokens += prompt.tokens.count
      record.choiceScores.append(logprobs.suffix(prompt.choiceCount).reduce(0, +))
    }
    return .reply(record)
  }

  /// The scores of choices of one token each, from the most probable first tokens of an answer; nil where the server
  /// does not list one of the choices.
  private func letters(
    _ problem: TaskProblem, _ connection: RemoteConnection
  ) throws(RemoteError) -> ReplyRecord? {
    let body: JSONValue = [
      "model": .string(model.name), "prompt": .string(ChoiceTask.context(problem)), "max_tokens": 1,
      "temperature": 0, "logprobs": .int(Self.alternativeCount),
    ]
    let answer = try model.server.send(body, to: "completions", over: connection)
    let first = FirstTokens(answer)
    let scores = problem.choices.map { first.logprobs[" " + $0] }
    guard scores.contains(where: { $0 != nil }) else { return nil }
    // One that is not listed is less probable than all that are.
    return ReplyRecord(
      promptTokens: answer["usage"]?["prompt_tokens"]?.count.value ?? 0,
      choiceScores: scores.map { $0 ?? -.greatestFiniteMagnitude })
  }

  private static let alternativeCount = 20
}

/// The most probable first tokens of an answer by their text, in the form of OpenAI's completions or of its chats.
private struct FirstTokens {
  var logprobs: [String: Double] = [:]

  init(_ answer: JSONValue) {
    let found = answer["choices"]?[0]?["logprobs"]
    for member in found?["top_logprobs"]?[0]?.objectValue?.members ?? [] {
      logprobs[member.key] = member.value.doubleValue
    }
    for entry in found?["content"]?[0]?["top_logprobs"]?.arrayValue ?? [] {
      if let token = entry["token"]?.stringValue { logprobs[token] = entry["logprob"]?.doubleValue }
    }
  }
}
