import Foundation
import QuireGeneration
import QuireJSON
import QuireText

/// The answer of `/completion`: an object, for several prompts an array, or a stream of objects without `[DONE]`.
struct NativeReply: Reply {
  /// What an answer's last object repeats of its request.
  struct Answer: Sendable {
    let prompt: String
    let promptTokens: Int
    let settings: GenerationSettings
    let contextLength: Int
  }

  private struct Choice: Sendable {
    let answer: Answer
    var timings: AnswerTimings
    /// Text and tokens that were not sent yet.
    var text = ""
    var tokens: [TokenRecord] = []
    var generatedCount = 0
    var hasLineFeed = false
    var result: GenerationResult?
  }

  let isStreamed: Bool
  var endsWithDone: Bool { false }
  private let model: String
  private let request: NativeCompletionRequest
  private var choices: [Choice]

  init(_ request: NativeCompletionRequest, model: String, answers: [Answer]) {
    self.request = request
    self.model = model
    isStreamed = request.generation.delivery.isStreamed
    choices = answers.map {
      Choice(answer: $0, timings: AnswerTimings(promptTokens: $0.promptTokens))
    }
  }

  mutating func open() -> [ReplyEvent] { [] }

  mutating func receive(_ event: GenerationEvent, choice: Int) -> [ReplyEvent] {
    switch event {
    case .prompt: return []
    case .progress(let progress):
      choices[choice].timings.note(progress)
      guard isStreamed, request.generation.delivery.reportsProgress else { return [] }
      return [ReplyEvent(part(choice, more: ["prompt_progress": progress.json]))]
    case .delta(let parts, let token):
      // The token that only proves that the prompt is computed.
      guard !request.onlyComputesPrompt else { return [] }
      choices[choice].timings.noteToken()
      choices[choice].generatedCount += 1
      choices[choice].text += parts.content
      choices[choice].tokens.append(token)
      if parts.content.utf8.contains(UInt8(ascii: "\n")) { choices[choice].hasLineFeed = true }
      return isStreamed && !parts.content.isEmpty ? [ReplyEvent(part(choice))] : []
    case .finished(let result):
      choices[choice].timings.finish(result, hidesToken: request.onlyComputesPrompt)
      choices[choice].result = result
      return isStreamed ? [ReplyEvent(last(choice))] : []
    }
  }

  mutating func close() -> [ReplyEvent] {
    guard !isStreamed else { return [] }
    let answers = choices.indices.map { last($0) }
    return [ReplyEvent(answers.count == 1 ? answers[0] : .array(answers))]
  }

  // MARK: Values

  /// What was collected since the last object of a stream.
  private mutating func part(_ index: Int, more: JSONObject = [:]) -> JSONValue {
    var members = head(index, isLast: false)
    if request.generation.delivery.repeatsTimings, let timings = choices[index].timings.json {
      members["timings"] = timings
    }
    for member in more.members { members[member.key] = member.value }
    takeText(index, into: &members)
    return .object(members)
  }

  /// The last object of a choice.
  private mutating func last(_ index: Int) -> JSONValue {
    let choice = choices[index]
    var members = head(index, isLast: true)
    takeText(index, into: &members)
    members["model"] = .string(model)
    members["generation_settings"] = choice.answer.settings.json
    members["prompt"] = .string(choice.answer.prompt)
    members["has_new_line"] = .bool(choice.hasLineFeed)
    if let result = choice.result {
      members["truncated"] = .bool(result.isCutByContext(choice.answer.contextLength))
      members["stop_type"] = .string(request.onlyComputesPrompt ? "limit" : result.stopType)
      members["stopping_word"] = .string(result.stoppingWord)
      members["tokens_cached"] = .int(result.cachedTokens)
    }
    members["timings"] = choice.timings.json ?? [:]
    return request.responseFields.isEmpty ? .object(members) : .object(selected(from: .object(members)))
  }

  private func head(_ index: Int, isLast: Bool) -> JSONObject {
    let choice = choices[index]
    return [
      "index": .int(index), "content": .string(choice.text), "tokens": [], "stop": .bool(isLast),
      // Requests are not bound to slots.
      "id_slot": -1, "tokens_predicted": .int(choice.generatedCount),
      "tokens_evaluated": .int(choice.answer.promptTokens),
    ]
  }

  /// Moves tokens and probabilities of the choice into `members` and empties its text.
  private mutating func takeText(_ index: Int, into members: inout JSONObject) {
    let tokens = choices[index].tokens
    choices[index].text = ""
    choices[index].tokens = []
    if isStreamed || request.returnsTokens { members["tokens"] = .array(tokens.map { .int($0.id) }) }
    if request.probabilityCount > 0, !tokens.isEmpty {
      members["completion_probabilities"] = .array(tokens.map(probabilities))
    }
  }

  private func probabilities(of record: TokenRecord) -> JSONValue {
    var members = probability(record.id, record.bytes, record.logprob ?? -.infinity)
    members[request.probabilitiesAreSampled ? "top_probs" : "top_logprobs"] = .array(
      record.top.map { .object(probability($0.id, $0.bytes, $0.logprob)) })
    return .object(members)
  }

  private func probability(_ id: Int32, _ bytes: ArraySlice<UInt8>, _ logprob: Float) -> JSONObject {
    var members: JSONObject = [
      "id": .int(id), "token": .string(TokenText.text(bytes)), "bytes": .array(bytes.map { .int($0) }),
    ]
    if request.probabilitiesAreSampled {
      members["prob"] = .float(exp(logprob))
    } else {
      members["logprob"] = .logprob(logprob)
    }
    return members
  }

  /// The members that `response_fields` names, each by its path: `generation_settings/n_predict`.
  private func selected(from answer: JSONValue) -> JSONObject {
    var members = JSONObject()
    for path in request.responseFields {
      var value: JSONValue? = answer
      for name in path.split(separator: "/", omittingEmptySubsequences: false) {
        value = value.flatMap { $0[String(name)] }
      }
      if let value { members[path] = value }
    }
    return members
  }
}

extension GenerationResult {
  /// Whether the answer ended because the context was full.
  fileprivate func isCutByContext(_ length: Int) -> Bool {
    reason == .length && promptTokens + completionTokens >= length
  }

  /// llama-server's `stop_type`.
  fileprivate var stopType: String {
    guard reason == .stop else { return "limit" }
    return stoppingWord.isEmpty ? "eos" : "word"
  }

  fileprivate var stoppingWord: String {
    if case .string(let text) = match { text } else { "" }
  }
}
