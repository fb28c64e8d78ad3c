package import QuireText

/// What an engine is asked to do: continue a prompt under given rules.
///
///     var request = GenerationRequest(promptTokens: prompt.tokens(tokenizer: tokenizer))
///     request.sampling = .recommended(.thinking)
///     request.maximumTokens = 512
///     let id = try engine.submit(request) { event in … }
package struct GenerationRequest: Sendable, Equatable {
  /// Token ids of the prompt; at least one.
  package var promptTokens: [Int32]
  package var sampling: SamplingParameters
  /// At most this many tokens are generated. 0 is allowed only with `wantsPromptLogprobs`.
  package var maximumTokens: Int
  /// Generation ends before the first of these that appears in the content, and the text delivered stops
  /// short of it. Only content is searched: a stop string in the reasoning or in a tool call ends nothing.
  package var stopStrings: [String]
  /// Ends generation like an end-of-sequence token does: the token counts, its text is not delivered.
  package var stopTokenIDs: Set<Int32>
  /// Keeps going through the model's own end-of-sequence tokens (measuring needs a fixed length).
  package var ignoresEndOfSequence: Bool
  /// The format by which the answer is taken apart; `nil` for raw completions, whose text is all content.
  package var chatFormat: ChatFormat?
  /// Whether tool calls are told apart from the content, which takes a chat format.
  package var splitsToolCalls: Bool
  /// Log-probabilities of each generated token and this many alternatives; `nil` gives none.
  package var logprobCount: Int?
  /// Log-probabilities of the prompt's tokens, in one `.prompt` event before the first delta. The number of
  /// alternatives is `logprobCount`, or none.
  package var wantsPromptLogprobs: Bool
  /// Seconds from submission after which the request ends, waiting or running; `nil` for no limit. It ends at the first
  /// step after them, with what it has.
  package var secondsMaximum: Double?
  /// Whether the request may start from what others have computed of its prompt, and leave its own for others. Its
  /// answer does not depend on it. A request with `wantsPromptLogprobs` never does.
  package var usesPrefixCache = true

  /// Requests that belong together, such as the answers to one call: they take turns with the requests of others.
  package var group: UInt64?

  package init(
    promptTokens: [Int32], sampling: SamplingParameters = .greedy, maximumTokens: Int = 256,
    stopStrings: [String] = [], stopTokenIDs: Set<Int32> = [], ignoresEndOfSequence: Bool = false,
    chatFormat: ChatFormat? = nil, splitsToolCalls: Bool = false, logprobCount: Int? = nil,
    wantsPromptLogprobs: Bool = false
  ) {
    self.promptTokens = promptTokens
    self.sampling = sampling
    self.maximumTokens = maximumTokens
    self.stopStrings = stopStrings
    self.stopTokenIDs = stopTokenIDs
    self.ignoresEndOfSequence = ignoresEndOfSequence
    self.chatFormat = chatFormat
    self.splitsToolCalls = splitsToolCalls
    self.logprobCount = logprobCount
    self.wantsPromptLogprobs = wantsPromptLogprobs
  }
}
