package import QuireTensors

/// How an engine shares the machine among requests.
package struct EngineOptions: Sendable, Equatable {
  /// Threads that compute; `nil` takes one per core.
  package var threadCount: Int?
  /// Kernels to compute with; `nil` takes the best that this CPU runs.
  package var instructionSet: InstructionSet?
  /// Requests that run at the same time; more wait in line.
  package var maximumSlots: Int
  /// Requests that may wait; one more is refused with `GenerationError.queueFull`.
  package var maximumWaiting: Int
  /// Tokens that one step computes at most, prompts and answers together. Small steps keep streams smooth,
  /// large ones make prompts fast.
  package var tokenBudget: Int
  /// Rows whose logits one step computes at most, each the size of the vocabulary; at least one per slot is
  /// taken. It decides how fast prompts are scored.
  package var logitRowBudget: Int
  /// Positions a sequence may have, prompt and answer together; `nil` takes what model and cache allow.
  package var contextLength: Int?
  /// Blocks of the key/value cache; `nil` derives them from `cacheBytes`.
  package var cacheBlockCount: Int?
  /// Memory for the key/value cache in bytes; less is taken where slots × context need less.
  package var cacheBytes: Int
  /// How the cache stores keys and values.
  package var keyValueElement: KeyValueElement
  /// Ids that end an answer besides those of the tokenizer and of config.json (from generation_config.json).
  package var endOfSequenceIDs: Set<Int32>
  /// Whether tokens are drafted from the text itself. Answers do not depend on it, only their speed; off where
  /// nothing is said, so that what measures plain decoding gets it.
  package var lookup: LookupMode
  /// Whether keys and values stay in the cache for requests that begin with the same tokens. Answers do not depend on
  /// it, only the time to their first token; off where nothing is said, so that what measures prompts gets all of them.
  package var keepsPrefixes: Bool

  package init(
    threadCount: Int? = nil, instructionSet: InstructionSet? = nil, maximumSlots: Int = 16,
    maximumWaiting: Int = 256, tokenBudget: Int = 512, logitRowBudget: Int = 64, contextLength: Int? = nil,
    cacheBlockCount: Int? = nil, cacheBytes: Int = 2 << 30, keyValueElement: KeyValueElement = .float16,
    endOfSequenceIDs: Set<Int32> = [], lookup: LookupMode = .off,
    keepsPrefixes: Bool = false
  ) {
    self.threadCount = threadCount
    self.instructionSet = instructionSet
    self.maximumSlots = maximumSlots
    self.maximumWaiting = maximumWaiting
    self.tokenBudget = tokenBudget
    self.logitRowBudget = logitRowBudget
    self.contextLength = contextLength
    self.cacheBlockCount = cacheBlockCount
    self.cacheBytes = cacheBytes
    self.keyValueElement = keyValueElement
    self.endOfSequenceIDs = endOfSequenceIDs
    self.lookup = lookup
    self.keepsPrefixes = keepsPrefixes
  }
}
