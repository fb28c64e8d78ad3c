import QuireJSON
import QuireText

/// One kind of chat with a server: how a problem is asked in a mode, and what its answer says.
struct ServerChat: Sendable {
  let mode: AskMode
  let maximumTokens: Int
  /// The name that requests give.
  let model: String
  let tokenizer: Tokenizer

  /// Why an answer cannot be used, as the end of a sentence about the server.
  struct Fault: Error {
    let reason: String
  }

  func body(_ problem: TaskProblem) -> JSONValue {
    var body: JSONObject = [
      "model": .string(model),
      "messages": .array(
        TaskRunner.messages(problem).map { message in
          ["role": .string(message.role.rawValue), "content": .string(message.content ?? "")]
        }),
      "max_tokens": .int(maximumTokens), "temperature": 0, "repetition_penalty": 1, "stream": false,
      "chat_template_kwargs": ["enable_thinking": .bool(mode.mode == .thinking)],
    ]
    // Some servers search the thought for stops too, so that an answer with a thought is cut here.
    if mode.mode == .nonThinking, !problem.kind.stops.isEmpty {
      body["stop"] = .array(problem.kind.stops.map { .string($0) })
    }
    if let budget = mode.budget { body["thinking_token_budget"] = .int(budget) }
    return .object(body)
  }

  /// More tokens than the text that closes a thought has.
  private static let closingMaximum = 64

  func reply(_ answer: JSONValue, to problem: TaskProblem) -> Result<ReplyRecord, Fault> {
    let choice = answer["choices"]?[0]
    guard let message = choice?["message"], message.objectValue != nil else {
      return .failure(Fault(reason: "an answer of chat/completions has no message"))
    }
    var parts = Self.parts(message)
    let usage = answer["usage"]
    func count(_ text: String) -> Int { text.isEmpty ? 0 : tokenizer.encode(text).count }
    // A server may count a thought that it does not show, and show one that it does not count.
    let counted = usage?["completion_tokens_details"]?["reasoning_tokens"]?.count.value ?? 0
    let thoughtTokens = counted > 0 ? counted : count(parts.thought)
    if mode.mode == .nonThinking, !TaskProblem.stripped(parts.thought).isEmpty {
      return .failure(Fault(reason: "it thinks although enable_thinking is false in chat_template_kwargs"))
    }
    if let budget = mode.budget, thoughtTokens > budget + Self.closingMaximum {
      return .failure(Fault(reason: "it does not obey thinking_token_budget"))
    }
    for stop in problem.kind.stops {
      if let found = parts.content.firstRange(of: stop) {
        parts.content = String(parts.content[..<found.lowerBound])
      }
    }
    return .success(
      ReplyRecord(
        content: parts.content, promptTokens: usage?["prompt_tokens"]?.count.value ?? 0,
        tokenCount: usage?["completion_tokens"]?.count.value
          ?? count(parts.thought) + count(parts.content),
        thoughtTokens: thoughtTokens, isTruncated: choice?["finish_reason"]?.stringValue == "length"))
  }

  /// The thought and the rest of an answer, which a server may or may not have separated.
  private static func parts(_ message: JSONValue) -> (thought: String, content: String) {
    let content = message["content"]?.stringValue ?? ""
    let thought =
      message["reasoning_content"]?.stringValue ?? message["reasoning"]?.stringValue ?? ""
    guard thought.isEmpty else { return (thought, content) }
    if let end = content.firstRange(of: ChatFormat.thoughtEnd) {
      let before = content[..<end.lowerBound]
      let start = before.firstRange(of: ChatFormat.thoughtStart)?.upperBound ?? before.startIndex
      return (String(before[start...]), String(content[end.upperBound...]))
    }
    // A thought that the limit has cut.
    if let start = content.firstRange(of: ChatFormat.thoughtStart) {
      return (String(content[start.upperBound...]), "")
    }
    return ("", content)
  }
}
