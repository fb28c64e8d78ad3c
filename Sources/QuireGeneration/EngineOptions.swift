/// How an engine shares the machine among requests.
package struct EngineOptions: Sendable, Equatable {
  /// Threads that compute; `nil` takes one per core.
  package var threadCount: Int?
  /// Requests that run at the same time; more wait in line.
  package var maximumSlots: Int
  /// Requests that may wait; one more is refused with `GenerationError.queueFull`.
  package var maximumWaiting: Int
  /// Tokens that one step computes at most, prompts and answers together. Small steps keep streams smooth,
  /// large ones make prompts fast.
  package var tokenBudget: Int
  /// Positions a sequence may have, prompt and answer together; `nil` takes what model and cache allow.
  package var contextLength: Int?
  /// Blocks of the key/value cache; `nil` derives them from `cacheBytes`.
  package var cacheBlockCount: Int?
  /// Memory for the key/value cache in bytes; less is taken where slots × context need less.
  package var cacheBytes: Int

  package init(
    threadCount: Int? = nil, maximumSlots: Int = 16, maximumWaiting: Int = 256, tokenBudget: Int = 512,
    contextLength: Int? = nil, cacheBlockCount: Int? = nil, cacheBytes: Int = 2 << 30
  ) {
    self.threadCount = threadCount
    self.maximumSlots = maximumSlots
    self.maximumWaiting = maximumWaiting
    self.tokenBudget = tokenBudget
    self.contextLength = contextLength
    self.cacheBlockCount = cacheBlockCount
    self.cacheBytes = cacheBytes
  }
}
