/// A request as the scheduler sees it: counters and block ids.
package struct ScheduledRequest: Sendable, Hashable {
  package let id: UInt64
  /// Requests of one group take turns with those of others; `nil` for a request that forms its own group.
  package let group: UInt64?
  /// Known tokens: the prompt and the tokens generated so far.
  package internal(set) var tokenCount: Int
  /// The maximum number of tokens of this request, prompt and answer together.
  package let maximumTokenCount: Int
  /// Tokens whose keys and values are in the cache; never more than `tokenCount`.
  package internal(set) var computedCount = 0
  /// Tokens that were in blocks of other requests when this one got its blocks.
  var reusedCount = 0
  /// Positions 0 ..< scoredCount need logits, because the caller asked for the prompt's log-probabilities.
  package let scoredCount: Int
  /// Whether it may use blocks of other requests with the same first tokens, and lists its own blocks for others.
  package let sharesPrefix: Bool
  /// Number of blocks at the start of `blocks` that are listed for other requests.
  package internal(set) var listedCount = 0
  /// Positions below this have been scored; a recomputation does not score them again.
  package internal(set) var nextScored = 0
  /// Blocks held, in order of position; empty while waiting.
  package internal(set) var blocks: [Int32] = []

  /// Number of positions from `tokenCount` on whose keys and values belong to drafts; 0 between steps.
  package internal(set) var draftCount = 0

  /// Tokens still to compute: 1 while decoding, more while the prompt is computed or recomputed.
  package var pendingCount: Int { tokenCount - computedCount }

  /// The work that computes `rowCount` tokens.
  func work(rowCount: Int) -> StepWork {
    let end = computedCount + rowCount
    let firstScored = max(computedCount, nextScored)
    let endScored = max(firstScored, min(end, scoredCount))
    return StepWork(
      id: id, firstPosition: computedCount, rowCount: rowCount, blocks: blocks,
      scoredRows: (firstScored - computedCount)..<(endScored - computedCount),
      completes: end == tokenCount)
  }

  /// The largest number of rows up to `limit` that needs at most `logitRowLimit` rows of logits.
  func rowCount(limit: Int, logitRowLimit: Int) -> Int {
    let rowCount = min(limit, pendingCount)
    guard rowCount > 0 else { return 0 }
    let full = work(rowCount: rowCount)
    if full.scoredRows.count > logitRowLimit { return full.scoredRows.lowerBound + logitRowLimit }
    if full.logitRowCount > logitRowLimit { return rowCount - 1 }
    return rowCount
  }

  mutating func advance(rowCount: Int) {
    computedCount += rowCount
    nextScored = max(nextScored, min(computedCount, scoredCount))
  }
}
