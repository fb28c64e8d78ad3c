import QuireModel

/// What a draft head has computed of one text.
///
/// A row of the head is a position of the text: the target's features there, beside the next token. Rows before
/// `storedCount` have their keys and values in the cache. The rows after them are pending: their features are kept until
/// the head drafts, or until there are many.
struct HeadText {
  /// Rows that may be pending before a step. As many can be computed together with a draft.
  static let pendingCountMaximum = DraftModel.readyRowCountMaximum
  /// Rows that may be pending after a step: those, or a token, its drafts and tokens that a request's rules force.
  static let pendingCapacity = 3 * pendingCountMaximum

  /// Where its pending features and its spare block are.
  let slot: Int
  private var hashes: TextHashes
  private(set) var storedCount = 0
  private(set) var pendingCount = 0
  /// Whether rows are missing: those of a shared block that nobody has computed. Their features are not computed again, so
  /// the text gets no drafts.
  private(set) var isIncomplete = false
  /// The text's blocks, and the spare one.
  private(set) var blocks: [Int32] = []
  private let spareBlock: Int32
  /// The drafts of this step.
  private(set) var drafts: [Int32] = []

  init(slot: Int, spareBlock: Int32, maximumTokens: Int, seed: UInt64) {
    self.slot = slot
    self.spareBlock = spareBlock
    hashes = TextHashes(seed: seed, blockSize: KeyValueCache.blockSize, maximumTokens: maximumTokens)
    blocks.reserveCapacity(KeyValueCache.blockCount(positions: maximumTokens) + 1)
    drafts.reserveCapacity(DraftPlanner.draftCountMaximum)
  }

  /// Sets the blocks of the step.
  mutating func setBlocks(_ current: [Int32]) {
    blocks.removeAll(keepingCapacity: true)
    blocks += current
    blocks.append(spareBlock)
  }

  /// The text begins with rows that others have computed in shared blocks.
  mutating func begin(with tokens: [Int32], at position: Int, drafted: DraftedBlocks, blocks: [Int32]) {
    hashes.catchUp(with: tokens)
    storedCount = min(position, drafted.computedCount(of: tokens, hashes, blocks: blocks))
    isIncomplete = storedCount < position
  }

  /// The target computes from `position` on. Pending rows there were of drafts that it refused.
  mutating func keepRows(before position: Int) {
    guard position >= storedCount, position <= storedCount + pendingCount else {
      (pendingCount, isIncomplete) = (0, true)
      return
    }
    pendingCount = position - storedCount
  }

  mutating func notePending(_ count: Int) { pendingCount += count }

  /// More rows came than can be kept, or some that nobody took.
  mutating func loseRows() { (pendingCount, isIncomplete) = (0, true) }

  /// Rows whose next token is known, when the text has so many tokens.
  func readyCount(tokenCount: Int) -> Int { min(pendingCount, max(0, tokenCount - 1 - storedCount)) }

  /// Whether the head can draft: all rows are computed or pending.
  func isReady(tokenCount: Int) -> Bool {
    let count = readyCount(tokenCount: tokenCount)
    return !isIncomplete && count > 0 && storedCount + count == tokenCount - 1
  }

  /// Records that so many more rows are in the cache; of them, the pending ones come first.
  mutating func noteStored(_ count: Int, of tokens: [Int32], drafted: inout DraftedBlocks) {
    hashes.catchUp(with: tokens)
    drafted.record(storedCount..<storedCount + count, of: tokens, hashes, blocks: blocks)
    storedCount += count
    pendingCount = max(0, pendingCount - count)
  }

  mutating func removeDrafts() { drafts.removeAll(keepingCapacity: true) }
  mutating func add(draft: Int32) { drafts.append(draft) }
}
