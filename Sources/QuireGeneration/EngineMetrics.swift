/// A snapshot of an engine's counters. Counters only increase; gauges go up and down.
package struct EngineMetrics: Sendable, Equatable {
  // Gauges.
  /// Requests that hold a slot.
  package var runningCount = 0
  /// Waiting requests, including those still in the mailbox.
  package var waitingCount = 0
  package var blockCount = 0
  package var usedBlockCount = 0
  /// Blocks that no request holds and that keep keys and values for later requests.
  package var idleBlockCount = 0

  // Counters.
  /// Tokens of completely computed prompts, including cached tokens; recomputation does not count.
  package var promptTokenCount = 0
  /// Requests whose prompts were looked up in the cache, and those of which a part was found.
  package var prefixQueryCount = 0
  package var prefixHitCount = 0
  /// Tokens of the prompts that were looked up, and the tokens that were found.
  package var prefixQueryTokenCount = 0
  package var prefixHitTokenCount = 0
  /// Cached blocks whose contents were dropped because other tokens needed the memory.
  package var evictedBlockCount = 0
  package var generatedTokenCount = 0
  /// Tokens computed by the model, including recomputed ones and drafts.
  package var computedTokenCount = 0
  /// Drafts computed by the model.
  package var draftedTokenCount = 0
  /// Accepted drafts. The token after each did not need its own step.
  package var acceptedDraftCount = 0
  /// The draft model's share of both.
  package var modelDraftedTokenCount = 0
  package var modelAcceptedDraftCount = 0
  /// Tokens that the draft model computed: for its drafts, and of texts to draft for.
  package var draftModelTokenCount = 0
  package var stepCount = 0
  package var preemptionCount = 0
  package var stopCount = 0
  package var lengthCount = 0
  package var timedOutCount = 0
  package var cancelledCount = 0
  package var failedCount = 0
  /// Requests refused because the queue was full.
  package var refusedCount = 0

  // Histograms, seconds unless named otherwise.
  package var queueSeconds = Histogram(bounds: Histogram.secondBounds)
  package var firstTokenSeconds = Histogram(bounds: Histogram.secondBounds)
  package var betweenTokensSeconds = Histogram(bounds: Histogram.secondBounds)
  package var requestSeconds = Histogram(bounds: Histogram.secondBounds)
  /// Tokens computed by a step.
  package var stepTokens = Histogram(bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048])

  package init() {}

  /// The same numbers in storage of their own, so that counting on never has to copy what a reader still holds.
  func copied() -> EngineMetrics {
    var copy = self
    copy.queueSeconds = queueSeconds.copied()
    copy.firstTokenSeconds = firstTokenSeconds.copied()
    copy.betweenTokensSeconds = betweenTokensSeconds.copied()
    copy.requestSeconds = requestSeconds.copied()
    copy.stepTokens = stepTokens.copied()
    return copy
  }
}

/// Counts of observations below fixed bounds, for the metrics page.
package struct Histogram: Sendable, Equatable {
  package static let secondBounds: [Double] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500,
  ]

  /// Upper bounds, inclusive, ascending.
  package let bounds: [Double]
  /// One count per bound and one for everything above; not cumulative.
  package private(set) var counts: [Int]
  package private(set) var sum = 0.0

  package init(bounds: [Double]) {
    self.bounds = bounds
    self.counts = [Int](repeating: 0, count: bounds.count + 1)
  }

  package var count: Int { counts.reduce(0, +) }

  fileprivate func copied() -> Histogram {
    var copy = self
    copy.counts = counts.withUnsafeBufferPointer { Array($0) }
    return copy
  }

  package mutating func observe(_ value: Double) {
    counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
    sum += value
  }
}
