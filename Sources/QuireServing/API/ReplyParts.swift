import QuireGeneration
import QuireJSON

/// What every value of one answer carries.
struct ReplyIdentity: Sendable {
  let id: String
  /// Seconds since 1970.
  let created: Int
  let model: String
  /// Names the program and the model that answer.
  let fingerprint: String

  init(prefix: String, model: String, fingerprint: String = "") {
    self.id = Self.randomID(prefix: prefix)
    self.created = unixTime()
    self.model = model
    self.fingerprint = fingerprint
  }

  /// A prefix and 24 random hexadecimal digits.
  static func randomID(prefix: String) -> String {
    prefix + (0..<24).map { _ in String(Int.random(in: 0..<16), radix: 16) }.joined()
  }

  /// `more`: members after the choices.
  func value(
    object: String, choices: [JSONValue], usage: JSONValue?, more: JSONObject = JSONObject()
  ) -> JSONValue {
    var members: JSONObject = [
      "id": .string(id), "object": .string(object), "created": .int(created), "model": .string(model),
      "system_fingerprint": .string(fingerprint), "choices": .array(choices),
    ]
    if let usage { members["usage"] = usage }
    for member in more.members { members[member.key] = member.value }
    return .object(members)
  }
}

/// Tokens counted over the choices of an answer. A prompt with several choices counts once. Its cached tokens are those
/// of its first choice.
struct UsageCounter: Sendable {
  private(set) var promptTokens: Int
  /// Number of choices per prompt.
  private let choicesPerPrompt: Int
  /// One per prompt; known when the prompt's first choice has ended.
  private var cachedTokens: [Int?]
  /// Counted from the deltas while the answer runs; replaced by the engine's counts at the end.
  private var completionTokens: [Int]
  private var reasoningTokens: [Int]
  /// `nil` for several answers, which run at the same time.
  private var answerTimings: AnswerTimings?

  init(promptTokens: Int, choiceCount: Int, choicesPerPrompt: Int) {
    self.promptTokens = promptTokens
    self.choicesPerPrompt = choicesPerPrompt
    self.cachedTokens = [Int?](repeating: nil, count: choiceCount / choicesPerPrompt)
    self.completionTokens = [Int](repeating: 0, count: choiceCount)
    self.reasoningTokens = completionTokens
    self.answerTimings = choiceCount == 1 ? AnswerTimings(promptTokens: promptTokens) : nil
  }

  /// `timings` of a single answer so far; `nil` before its first event, and for several answers.
  var timings: JSONValue? { answerTimings?.json }

  /// The member `timings` of an answer; empty where there are none.
  var timingsMember: JSONObject {
    var member = JSONObject()
    member["timings"] = timings
    return member
  }

  mutating func note(_ progress: PromptProgress) { answerTimings?.note(progress) }

  mutating func addToken(_ token: TokenRecord, choice: Int) {
    completionTokens[choice] += 1
    answerTimings?.noteToken()
    if token.isReasoning { reasoningTokens[choice] += 1 }
  }

  mutating func finish(_ result: GenerationResult, choice: Int) {
    completionTokens[choice] = result.completionTokens
    answerTimings?.finish(result)
    reasoningTokens[choice] = result.reasoningTokens
    if choice % choicesPerPrompt == 0 { cachedTokens[choice / choicesPerPrompt] = result.cachedTokens }
  }

  /// Cached tokens of all prompts; nil until they are known.
  var cachedTokenCount: Int? {
    let known = cachedTokens.compactMap { $0 }
    return known.count == cachedTokens.count ? known.reduce(0, +) : nil
  }

  var completionTokenCount: Int { completionTokens.reduce(0, +) }

  var reasoningTokenCount: Int { reasoningTokens.reduce(0, +) }

  /// `usage` of a completion.
  var json: JSONValue {
    let completion = completionTokenCount
    var members: JSONObject = [
      "prompt_tokens": .int(promptTokens), "completion_tokens": .int(completion),
      "total_tokens": .int(promptTokens + completion),
    ]
    if let cachedTokenCount {
      members["prompt_tokens_details"] = ["cached_tokens": .int(cachedTokenCount)]
    }
    members["completion_tokens_details"] = ["reasoning_tokens": .int(reasoningTokenCount)]
    return .object(members)
  }
}

extension GenerationResult {
  /// `finish_reason` of a choice without tool calls.
  var finishName: String { reason == .length || reason == .timedOut ? "length" : "stop" }

  /// `stop_reason`, as vLLM gives it: the string or token that ended the answer, null for the natural end.
  /// For an answer that reached its time limit it is `max_time`.
  var stopReason: JSONValue {
    if reason == .timedOut { return "max_time" }
    return switch match {
    case .string(let text): .string(text)
    case .token(let id): .int(id)
    case .endOfSequence, .constraint, nil: .null
    }
  }
}

/// The text that represents a token in log-probabilities.
enum TokenText {
  /// Whole characters unchanged; other bytes escaped, so that no two tokens share a name.
  static func text(_ bytes: ArraySlice<UInt8>) -> String {
    String(validating: bytes, as: UTF8.self) ?? "bytes:" + bytes.map(escape).joined()
  }

  static func id(_ id: Int32) -> String { "token_id:\(id)" }

  /// - Parameter byID: Whether the token is named by its id.
  static func name(_ id: Int32, _ bytes: ArraySlice<UInt8>, byID: Bool) -> String {
    byID ? self.id(id) : text(bytes)
  }

  private static func escape(_ byte: UInt8) -> String {
    (byte < 16 ? "\\x0" : "\\x") + String(byte, radix: 16)
  }
}

extension TokenRecord {
  /// The token with its log-probabilities, as chats and responses give them.
  func logprobs(namesByID: Bool = false) -> JSONValue {
    var value = Self.entry(id, bytes, logprob: logprob ?? -9999, namesByID)
    value["top_logprobs"] = .array(
      top.map { .object(Self.entry($0.id, $0.bytes, logprob: $0.logprob, namesByID)) })
    return .object(value)
  }

  private static func entry(
    _ id: Int32, _ bytes: ArraySlice<UInt8>, logprob: Float, _ namesByID: Bool
  ) -> JSONObject {
    [
      "token": .string(TokenText.name(id, bytes, byID: namesByID)), "logprob": .logprob(logprob),
      "bytes": .array(bytes.map { .int($0) }),
    ]
  }
}

extension JSONValue {
  /// A log-probability; minus infinity, which JSON cannot write, becomes -9999.
  static func logprob(_ value: Float) -> JSONValue { .float(max(value, -9999)) }
}
