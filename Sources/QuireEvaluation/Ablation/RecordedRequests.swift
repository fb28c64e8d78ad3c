import QuireFiles
package import QuireJSON
package import QuireText

/// Chat requests as clients sent them, one JSON object a line: `{"messages": […], "max_tokens": 64}`.
///
/// `tools`, `max_completion_tokens` and `chat_template_kwargs.enable_thinking` are read as well. All else that OpenAI's
/// body may have, such as a temperature, is ignored: answers are greedy, so that they can be compared. What would make the
/// answers others or more is counted, so that the report can say it.
package struct RecordedRequests: Sendable, Equatable {
  package struct Request: Sendable, Equatable {
    package let messages: [ChatMessage]
    package let tools: [JSONValue]
    package let mode: ThinkingMode
    /// Nil: the run's limit.
    package let maximumTokens: Int?
  }

  /// A member that is ignored although it would change answers, and in how many requests.
  package struct IgnoredMember: Sendable, Equatable {
    package let name: String
    package let requestCount: Int
  }

  /// The file, or "bundled".
  package let name: String
  package let requests: [Request]
  /// In the order of their names; only members that a request has.
  package let ignored: [IgnoredMember]

  /// The file in a checkpoint's folder's parent that is used when no file is given, next to its `tasks.jsonl`.
  package static let fileName = "requests.jsonl"

  /// Reads a file; throws when it cannot be read, a line is no request, or there is none.
  package init(path: String) throws(EvaluationError) {
    try self.init(
      try EvaluationError.text(path: path, purpose: "recorded requests, one JSON object a line,"), name: path)
  }

  /// The set in this module.
  package static var bundled: RecordedRequests {
    get throws(EvaluationError) { try RecordedRequests(Array(bundledLines.utf8), name: "bundled") }
  }

  /// As `init(path:)` for bytes in memory; `name` is the file's in error sentences.
  package init(_ bytes: [UInt8], name: String) throws(EvaluationError) {
    self.name = name
    var requests: [Request] = []
    var ignored: [String: Int] = [:]
    for line in JSONLines(bytes) {
      let value: JSONValue
      do throws(JSONError) { value = try JSONValue.parse(line.bytes) } catch {
        throw .malformedTask(
          file: name, line: line.number, expected: "a JSON object", found: "an error (\(error))")
      }
      requests.append(try Self.request(TaskLine(value: value, file: name, number: line.number)))
      for (member, usual) in Self.ignoredMembers where Self.asks(value[member], besides: usual) {
        ignored[member, default: 0] += 1
      }
    }
    guard !requests.isEmpty else { throw .emptyFile(path: name, expected: "at least one request") }
    self.requests = requests
    self.ignored = ignored.sorted { $0.key < $1.key }.map {
      IgnoredMember(name: $0.key, requestCount: $0.value)
    }
  }

  /// Members that change what is answered, each with the values that mean the same as no member.
  private static let ignoredMembers: [(String, [JSONValue])] = [
    ("n", [1]), ("stop", [[], ""]), ("response_format", [["type": "text"]]), ("tool_choice", ["auto"]),
    ("logit_bias", [[:]]), ("frequency_penalty", [0, 0.0]), ("presence_penalty", [0, 0.0]),
  ]

  private static func asks(_ value: JSONValue?, besides usual: [JSONValue]) -> Bool {
    guard let value, !value.isNull else { return false }
    return !usual.contains(value)
  }

  private static func request(_ line: TaskLine) throws(EvaluationError) -> Request {
    guard let json = line.value["messages"] else {
      throw line.refusal(
        "a request with \"messages\"",
        line.value.objectValue == nil ? line.value.kindDescription : "no such member")
    }
    let messages: [ChatMessage]
    do throws(TextError) { messages = try ChatMessage.list(json: json) } catch {
      throw line.refusal("\"messages\" as a chat has them", "an error (\(error))")
    }
    let tools = line.value["tools"] ?? .null
    guard tools.isNull || tools.arrayValue?.allSatisfy({ $0.objectValue != nil }) == true else {
      throw line.refusal("\"tools\", an array of objects", tools.kindDescription)
    }
    let thinks = line.value["chat_template_kwargs"]?["enable_thinking"] ?? .null
    guard thinks.isNull || thinks.boolValue != nil else {
      throw line.refusal("\"enable_thinking\", true or false", thinks.kindDescription)
    }
    let members = ["max_completion_tokens", "max_tokens"].compactMap { line.value[$0] }.filter { !$0.isNull }
    var limit: Int?
    if let member = members.first {
      guard let count = member.intValue, (1...Int(Int32.max)).contains(count) else {
        throw line.refusal("\"max_tokens\", a whole number of at least 1", member.serialized())
      }
      limit = count
    }
    return Request(
      messages: messages, tools: tools.arrayValue ?? [],
      mode: thinks.boolValue == false ? .nonThinking : .thinking, maximumTokens: limit)
  }
}

/// Requests in tokens, cut to what a model's context holds.
struct AblationRequests {
  /// Prompt and the most tokens of the answer.
  private(set) var items: [(prompt: [Int32], maximumTokens: Int)] = []
  /// Requests that are longer than the context.
  private(set) var leftOut = 0

  /// - Parameter limit: the most tokens of an answer
  init(
    _ recorded: RecordedRequests, tokenizer: Tokenizer, positions: Int, limit: Int
  ) throws(EvaluationError) {
    for request in recorded.requests {
      let prompt: [Int32]
      do throws(TextError) {
        prompt = try tokenizer.chatFormat.required().render(
          messages: request.messages, tools: request.tools, mode: request.mode
        ).tokens(tokenizer)
      } catch {
        throw .model(error.description)
      }
      guard prompt.count < positions else {
        leftOut += 1
        continue
      }
      items.append((prompt, min(limit, request.maximumTokens ?? limit, positions - prompt.count)))
    }
    guard !items.isEmpty else {
      throw .emptyFile(
        path: recorded.name, expected: "a request of fewer tokens than the model's context of \(positions)")
    }
  }

  /// The longest sequence, answer included.
  var longest: Int { items.map { $0.prompt.count + $0.maximumTokens }.max() ?? 0 }
  var promptTokens: Int { items.reduce(0) { $0 + $1.prompt.count } }
}
