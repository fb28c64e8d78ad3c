import QuireGeneration
import QuireJSON

extension Rejection {
  /// Maximum length of `error.param`, which may contain a name chosen by the client.
  static let maximumFieldLength = 100

  /// The error body of the OpenAI API.
  var json: JSONValue {
    var members: JSONObject = [
      "message": .string(message), "type": .string(kind),
      "param": field.map { .string(Found.plain($0, limit: Self.maximumFieldLength)) } ?? .null,
      "code": code.map(JSONValue.string) ?? .null,
    ]
    if let overflow {
      members["n_prompt_tokens"] = .int(overflow.promptTokenCount)
      members["n_ctx"] = .int(overflow.contextLength)
    }
    return ["error": .object(members)]
  }

  /// A prompt that is longer than the context. The code is OpenAI's, the type and the numbers are llama-server's. Clients
  /// recognize this error also by a part of the sentence, so it contains the words of both.
  static func promptTooLong(field: String?, _ overflow: PromptOverflow) -> Rejection {
    var rejection = Rejection(
      status: 400,
      message: """
        expected a prompt of fewer tokens than the context holds, found one that exceeds the available context size: \
        this model's maximum context length is \(overflow.contextLength) tokens, and the prompt has \
        \(overflow.promptTokenCount); \(overflow.advice)
        """,
      kind: "exceed_context_size_error", field: field, code: "context_length_exceeded")
    rejection.overflow = overflow
    return rejection
  }

  /// An error of the engine about a request, with the API's field names.
  init(_ error: GenerationError) {
    let sentence = error.description
    switch error {
    case .queueFull:
      self = Rejection(
        status: 429, message: sentence, kind: "rate_limit_error", code: "queue_full",
        headers: [HTTPHeader("Retry-After", "1")])
    case .draining, .stopped:
      self = .unavailable(sentence, code: "shutting_down", retryAfterSeconds: 5)
    case .unusableConstraint: self = .contradicted(sentence)
    case .unusableLogits:
      self = Rejection(status: 500, message: sentence, kind: "server_error", code: "generation_failed")
    case .promptTooLong(let overflow): self = .promptTooLong(field: nil, overflow)
    case .invalidRequest(let field, _), .invalidOption(let field, _):
      self = .badField(Self.apiNames[field] ?? field, sentence)
    }
  }

  /// The error for an answer that could not be finished; `nil` for finish reasons that are regular answers.
  init?(_ result: GenerationResult) {
    switch result.reason {
    case .stop, .length: return nil
    case .timedOut:
      guard result.completionTokens == 0 else { return nil }
      self = .unavailable(
        "expected a first token within max_time, found none; send the request again or raise max_time",
        code: "time_over", retryAfterSeconds: 1)
    case .cancelled:
      self = .unavailable(
        "expected to finish the answer, found a server that is shutting down; send the request to another one",
        code: "shutting_down", retryAfterSeconds: 5)
    case .failed(let sentence):
      self = Rejection(status: 500, message: sentence, kind: "server_error", code: "generation_failed")
    case .contradicted(let sentence): self = .contradicted(sentence)
    }
  }

  private static func contradicted(_ sentence: String) -> Rejection {
    Rejection(status: 400, message: sentence, kind: "invalid_request_error", code: "invalid_constraint")
  }

  /// Fields of a generation request by their names in the API.
  private static let apiNames = [
    "promptTokens": "prompt", "maximumTokens": "max_tokens", "stopStrings": "stop",
    "stopTokenIDs": "stop_token_ids", "secondsMaximum": "max_time", "logprobCount": "logprobs",
    "topP": "top_p", "topK": "top_k",
    "minP": "min_p", "presencePenalty": "presence_penalty", "frequencyPenalty": "frequency_penalty",
    "repetitionPenalty": "repetition_penalty", "logitBias": "logit_bias",
    "minimumTokens": "min_tokens", "allowedTokenIDs": "allowed_token_ids", "badWords": "bad_words",
    "logprobTokenIDs": "logprob_token_ids", "promptLogprobCount": "prompt_logprobs",
    "thinking.budget": "thinking_token_budget",
  ]
}

extension HTTPResponse {
  /// A JSON answer.
  static func json(_ value: JSONValue, status: Int = 200, headers: [HTTPHeader] = []) -> HTTPResponse {
    json(serialized: value.serializedBytes(), status: status, headers: headers)
  }

  /// The same with the value's text.
  static func json(serialized text: [UInt8], status: Int = 200, headers: [HTTPHeader] = []) -> HTTPResponse {
    var response = HTTPResponse(
      status: status, headers: [HTTPHeader("Content-Type", "application/json")] + headers)
    response.body = text
    response.body.append(UInt8(ascii: "\n"))
    return response
  }
}
