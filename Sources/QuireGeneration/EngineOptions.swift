package import QuireTensors

/// Options of an engine: threads, memory and limits.
package struct EngineOptions: Sendable, Equatable {
  /// Threads that compute; `nil` means one per physical core that the process may use.
  package var threadCount: Int?
  /// Kernels to compute with; `nil` means the best that this CPU runs.
  package var instructionSet: InstructionSet?
  /// Requests that run at the same time; more wait in the queue.
  package var maximumSlots: Int
  /// Requests that may wait; one more is refused with `GenerationError.queueFull`.
  package var maximumWaiting: Int
  /// Maximum tokens per step, in prompts and answers. Small steps keep streams smooth, large ones make prompts fast.
  package var tokenBudget: Int
  /// Maximum rows of logits per step, each the size of the vocabulary; raised to at least one per slot. It determines
  /// how fast prompts are scored.
  package var logitRowBudget: Int
  /// Maximum positions of a sequence, prompt and answer together; `nil` means as many as model and cache allow.
  package var contextLength: Int?
  /// Blocks of the key/value cache; `nil` derives them from `cacheBytes`.
  package var cacheBlockCount: Int?
  /// Memory for the key/value cache in bytes; less is used if slots × context need less.
  package var cacheBytes: Int
  /// Bytes of the key/value cache that are taken from the system at the start, at most the first 256 positions of each slot;
  /// other pages are taken at their first use. With none, the first requests of a server of Qwen3-0.6B's shape with 16 clients
  /// spend a tenth of their time in the clearing of pages (Zen 5, a virtual machine, 2026-11).
  package var populatedCacheBytes = 0
  package static let populatedPositions = 256
  /// How the cache stores keys and values.
  package var keyValueElement: KeyValueElement
  /// Ids that end an answer besides those of the tokenizer and of config.json (from generation_config.json).
  package var endOfSequenceIDs: Set<Int32>
  /// Whether tokens are drafted by prompt lookup. It changes the speed of answers, not their content. Off by default,
  /// so that benchmarks measure plain decoding.
  package var lookup: LookupMode
  /// Whether tokens are drafted by the draft model, if the engine has one.
  package var modelDrafts: LookupMode
  /// Whether keys and values stay in the cache for requests that begin with the same tokens. This changes only the time
  /// to the first token, not the answers. Off by default, so that measurements compute their prompts completely.
  package var keepsPrefixes: Bool

  package init(
    threadCount: Int? = nil, instructionSet: InstructionSet? = nil, maximumSlots: Int = 16,
    maximumWaiting: Int = 256, tokenBudget: Int = 512, logitRowBudget: Int = 64, contextLength: Int? = nil,
    cacheBlockCount: Int? = nil, cacheBytes: Int = 2 << 30, keyValueElement: KeyValueElement = .float16,
    endOfSequenceIDs: Set<Int32> = [], lookup: LookupMode = .off,
    modelDrafts: LookupMode = .adaptive, keepsPrefixes: Bool = false
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
    self.modelDrafts = modelDrafts
    self.keepsPrefixes = keepsPrefixes
  }
}
