import QuireModel

/// What the draft model has computed of one text.
struct DraftedText: Sendable {
  private var hashes: TextHashes
  /// First positions of the text whose keys and values are in its blocks.
  private(set) var computedCount = 0
  /// The drafts of the last step, which followed `knownCount` tokens.
  private(set) var drafts: [Int32] = []
  private var knownCount = 0
  /// The text's blocks in that step, and the spare one.
  private(set) var blocks: [Int32] = []

  init(_ text: DraftText, seed: UInt64) {
    let maximumTokens = text.tokens.count + text.limit + 1
    hashes = TextHashes(seed: seed, blockSize: KeyValueCache.blockSize, maximumTokens: maximumTokens)
    blocks.reserveCapacity(KeyValueCache.blockCount(positions: maximumTokens) + 1)
    drafts.reserveCapacity(DraftPlanner.draftCountMaximum)
  }

  /// Finds out what is computed of the text as it is now.
  mutating func catchUp(with tokens: [Int32], blocks current: [Int32], drafted: inout DraftedBlocks) {
    hashes.catchUp(with: tokens)
    var computed = drafted.computedCount(of: tokens, hashes, blocks: current)
    // Drafts that came true were computed, except the last one and those in the spare block. Nobody else has written
    // behind the known tokens, because the block still has the mark that this text gave it.
    if computed == knownCount, computed % KeyValueCache.blockSize != 0 {
      let end = min(computed + drafts.count - 1, blockEnd(of: computed))
      while computed < min(end, tokens.count), drafts[computed - knownCount] == tokens[computed] {
        computed += 1
      }
      if computed > knownCount {
        drafted.record(knownCount..<computed, of: tokens, hashes, blocks: current)
      }
    }
    drafts.removeAll(keepingCapacity: true)
    computedCount = min(computed, tokens.count - 1)
  }

  private func blockEnd(of position: Int) -> Int {
    KeyValueCache.blockCount(positions: position) * KeyValueCache.blockSize
  }

  /// Sets the blocks of this step's passes.
  mutating func setBlocks(_ current: [Int32], spare: Int32) {
    blocks.removeAll(keepingCapacity: true)
    blocks += current
    blocks.append(spare)
  }

  /// Records that the first pass has computed `count` more known tokens.
  mutating func noteComputed(_ count: Int, of tokens: [Int32], drafted: inout DraftedBlocks) {
    drafted.record(computedCount..<computedCount + count, of: tokens, hashes, blocks: blocks)
    computedCount += count
    knownCount = computedCount
  }

  mutating func add(draft: Int32) { drafts.append(draft) }
}
