/// The drafting side of one request: where its text may go on as before, how that fared, and the drafts that the
/// step under way computes.
struct Drafter: Sendable {
  /// Drafts of the step under way, in order.
  private(set) var drafts: [Int32] = []
  private(set) var record = DraftRecord()
  private var lookup: PromptLookup
  /// Match length of `drafts`.
  private var matchLength = 0

  /// Plans all memory for a request that comes to have this many tokens.
  init(maximumTokens: Int) {
    lookup = PromptLookup(maximumTokens: maximumTokens)
    drafts.reserveCapacity(DraftPlanner.draftCountMaximum)
  }

  /// Looks up the end of the text; the length of the match, or `nil` where there is none.
  mutating func look(_ tokens: [Int32]) -> Int? {
    lookup.catchUp(with: tokens)
    record.earn()
    drafts.removeAll(keepingCapacity: true)
    return lookup.source == nil ? nil : lookup.matchLength
  }

  /// Makes this many drafts for the text that was looked up.
  mutating func draft(_ count: Int, after tokens: [Int32]) {
    matchLength = lookup.matchLength
    lookup.propose(count, after: tokens, into: &drafts)
  }

  /// True when it is time to try a draft though none promised enough.
  mutating func declineOrProbe() -> Bool { record.declineOrProbe() }

  /// Takes in how many drafts came true; cost and gain in steps without drafts.
  mutating func settle(accepted: Int, cost: Double, gain: Double) {
    record.settle(
      accepted: accepted, of: drafts.count, matchLength: matchLength, cost: cost, gain: gain)
  }
}
