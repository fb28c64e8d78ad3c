package import QuireText

/// Events of a request, in this order: any number of `progress`, at most one `prompt`, any number of `delta`, exactly
/// one `finished` at the end.
package enum GenerationEvent: Sendable, Equatable {
  /// How much of the prompt is computed: before the first step, and after each step that computed a part of it. Sent
  /// only to requests with `reportsProgress`.
  case progress(PromptProgress)
  /// The prompt's tokens with their log-probabilities (the first token has none). Sent only to requests with
  /// `wantsPromptLogprobs`.
  case prompt(tokens: [TokenRecord])
  /// The next token and the final text that it adds to the answer. That text is empty while an incomplete character, a
  /// tag, a tool call or a possible stop string is held back.
  case delta(AnswerParts, token: TokenRecord)
  case finished(GenerationResult)
}

/// One token of a prompt or an answer.
package struct TokenRecord: Sendable, Equatable {
  package let id: Int32
  /// The token's bytes, which need not be whole characters. A slice of the tokenizer's bytes, so that no step copies
  /// them.
  package let bytes: ArraySlice<UInt8>
  /// Natural logarithm of the model's probability before penalties, temperature and filters; `nil` when not requested,
  /// and for the first token of a prompt.
  package let logprob: Float?
  /// The most probable tokens of that position, most probable first, as many as requested; with `logprobTokenIDs` the
  /// token itself and those.
  package let top: [TokenAlternative]
  /// 1 for a position's most probable token; only for tokens of a prompt that have a log-probability.
  package let rank: Int?
  /// Whether the token belongs to the reasoning, including its tags.
  package var isReasoning: Bool

  package init(
    id: Int32, bytes: ArraySlice<UInt8>, logprob: Float? = nil, top: [TokenAlternative] = [],
    rank: Int? = nil, isReasoning: Bool = false
  ) {
    self.id = id
    self.bytes = bytes
    self.logprob = logprob
    self.top = top
    self.rank = rank
    self.isReasoning = isReasoning
  }
}

/// A token that the model could have chosen at a position.
package struct TokenAlternative: Sendable, Equatable {
  package let id: Int32
  package let bytes: ArraySlice<UInt8>
  package let logprob: Float

  package init(id: Int32, bytes: ArraySlice<UInt8>, logprob: Float) {
    self.id = id
    self.bytes = bytes
    self.logprob = logprob
  }
}

/// Why a request ended.
package enum FinishReason: Sendable, Equatable {
  /// An end-of-sequence token, a stop token, a stop string or the end of what the constraint allows.
  case stop
  /// `maximumTokens` reached, or the context is full.
  case length
  /// The request's time limit was reached.
  case timedOut
  /// The caller cancelled, or the engine was stopped.
  case cancelled
  /// The request failed; one sentence says why.
  case failed(String)
  /// The request allows no further token, because of its constraint or of fields that contradict each other; one sentence
  /// says so.
  case contradicted(String)
}

/// The token or string that ended a request with the reason `.stop`.
package enum StopMatch: Sendable, Equatable {
  case endOfSequence(Int32)
  case token(Int32)
  case string(String)
  /// The answer is all that its constraint allows.
  case constraint
}

/// The result of a finished request: reason, counts and times.
package struct GenerationResult: Sendable, Equatable {
  package let reason: FinishReason
  /// Present exactly when `reason` is `.stop`.
  package let match: StopMatch?
  /// Number of tokens in the prompt.
  package let promptTokens: Int
  /// Number of prompt tokens whose keys and values an earlier request had left in the cache.
  package let cachedTokens: Int
  /// Number of generated tokens, including the reasoning and the ending token.
  package let completionTokens: Int
  /// Number of generated tokens that belong to the reasoning, including its closing tag.
  package let reasoningTokens: Int
  /// Number of generated tokens that needed no step of their own, because a draft had predicted the token before or the
  /// engine had forced it.
  package let acceptedDraftTokens: Int
  package let timings: GenerationTimings

  package init(
    reason: FinishReason, match: StopMatch? = nil, promptTokens: Int, cachedTokens: Int = 0,
    completionTokens: Int, reasoningTokens: Int, acceptedDraftTokens: Int = 0, timings: GenerationTimings
  ) {
    self.reason = reason
    self.match = match
    self.promptTokens = promptTokens
    self.cachedTokens = cachedTokens
    self.completionTokens = completionTokens
    self.reasoningTokens = reasoningTokens
    self.acceptedDraftTokens = acceptedDraftTokens
    self.timings = timings
  }
}

/// Wall-clock seconds of a request's phases.
package struct GenerationTimings: Sendable, Equatable {
  /// From submission to the first step that computed tokens of the request.
  package let queueSeconds: Double
  /// From that step to the first generated token.
  package let prefillSeconds: Double
  /// From the first generated token to the end.
  package let decodeSeconds: Double

  package init(queueSeconds: Double = 0, prefillSeconds: Double = 0, decodeSeconds: Double = 0) {
    self.queueSeconds = queueSeconds
    self.prefillSeconds = prefillSeconds
    self.decodeSeconds = decodeSeconds
  }
}
