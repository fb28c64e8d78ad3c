package import QuireGrammar
package import QuireText

/// A request to an engine: a prompt to continue, with sampling parameters and limits.
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
  /// Generation ends at the first of these that appears in the content; the delivered text ends before it. A stop
  /// string in the reasoning or in a tool call has no effect.
  package var stopStrings: [String]
  /// End generation like an end-of-sequence token: the token is counted, its text is not delivered.
  package var stopTokenIDs: Set<Int32>
  /// Continues after the model's end-of-sequence tokens (measurements need a fixed length).
  package var ignoresEndOfSequence: Bool
  /// The format by which the answer is split into parts; `nil` for raw completions, whose text is all content.
  package var chatFormat: ChatFormat?
  /// Whether tool calls are separated from the content, which requires a chat format.
  package var splitsToolCalls: Bool
  /// The types of the tools' parameters, which some forms of calls do not say.
  package var toolTypes = ToolParameterTypes()
  /// Log-probabilities of each generated token and of this many alternatives; `nil` for none.
  package var logprobCount: Int?
  /// The probabilities that `logprobCount` asks for.
  package var logprobSource = LogprobSource.model
  /// Whether the request gets `.progress` events.
  package var reportsProgress = false
  /// Whether to send log-probabilities of the prompt's tokens, in one `.prompt` event before the first delta, with
  /// `logprobCount` alternatives (none if that is `nil`).
  package var wantsPromptLogprobs: Bool
  /// Time limit in seconds from submission, for a waiting or running request; `nil` for no limit. The request ends
  /// before the first step after the limit and keeps the tokens it has.
  package var secondsMaximum: Double?
  /// Time limit in seconds from the first token; `nil` for no limit. The answer ends at the first token after it, but
  /// not before it contains a line feed.
  package var decodeSecondsMaximum: Double?
  /// Whether the request may reuse cached tokens of its prompt, and whether others may reuse its tokens. The answer does
  /// not depend on it. A request with `wantsPromptLogprobs` never uses the cache.
  package var usesPrefixCache = true

  /// Limits of the thought; nil for a thought without limits. Without a chat format there is no thought.
  package var thinking: ThinkingLimit?

  /// End tokens, stop tokens and stop strings end the answer only when it has this many tokens, the thought included. An
  /// answer after which its constraint allows nothing else ends earlier.
  package var minimumTokens = 0
  /// The only tokens that may come, ends of the answer included; nil for all.
  package var allowedTokenIDs: [Int32]?
  /// Sequences of tokens that must not occur in the answer.
  package var badWords: [[Int32]] = []
  /// Tokens whose log-probabilities are given at each position of the answer, instead of those of the most probable
  /// ones.
  package var logprobTokenIDs: [Int32] = []
  /// Alternatives of each prompt token with `wantsPromptLogprobs`; nil: as many as `logprobCount`.
  package var promptLogprobCount: Int?
  /// Whether special tokens appear in the text.
  package var showsSpecialTokens = false
  /// Whether the text includes the stop string or the token that ends the answer. Special tokens appear only with
  /// `showsSpecialTokens`.
  package var includesStop = false

  /// What the answer has to be. A thought before it is free; see `ConstraintMatcher`. Log-probabilities stay those of
  /// the model: tokens that the constraint refuses keep theirs. With `ignoresEndOfSequence` the answer ends where nothing
  /// can follow, or at its limit.
  package var constraint: Constraint?

  /// Requests that belong together, such as the answers to one call: they take turns with the requests of others.
  package var group: UInt64?

  package init(
    promptTokens: [Int32], sampling: SamplingParameters = .greedy, maximumTokens: Int = 256,
    stopStrings: [String] = [], stopTokenIDs: Set<Int32> = [], ignoresEndOfSequence: Bool = false,
    chatFormat: ChatFormat? = nil, splitsToolCalls: Bool = false, logprobCount: Int? = nil,
    wantsPromptLogprobs: Bool = false, constraint: Constraint? = nil
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
    self.constraint = constraint
  }

  /// Where log-probabilities of answers come from.
  package enum LogprobSource: Sendable, Equatable {
    /// The model, before bias, penalties, temperature and filters.
    case model
    /// The distribution that the token was drawn from, which may have fewer tokens than asked for.
    case sampler
  }
}
