/// The blocks of a key/value cache as integers: which are free, how many holders each other one has, and which hold
/// tokens that a later request may share.
///
///     var pool = BlockPool(blockCount: 64, prefixBlockSize: 32)
///     let block = pool.allocate()!                            // one holder
///     pool.list(block, after: nil, tokens: text[..<32])       // computed: may be found from now on
///     pool.release(block)                                     // idle: free, and kept as long as it can be
///     pool.retain(pool.block(after: nil, tokens: text[..<32])!)  // the same block, held again
///
/// A free block is empty or idle. Empty ones are handed out first; then the idle one that was used longest ago loses
/// what it holds. Whoever holds a listed block holds its parents too, and releases them later, so a parent is never
/// handed out before its children.
///
/// The pool knows nothing of floats; the cache of the model does, and the two meet as block ids in a batch.
package struct BlockPool: Sendable, Hashable {
  package let blockCount: Int
  /// Empty block ids; the last one is handed out next, so that recently used memory is used again.
  private var emptyBlocks: [Int32]
  /// Number of holders per block id; 0 is free.
  private var holderCounts: [Int32]
  /// nil when nothing is shared.
  private(set) var index: PrefixIndex?
  private(set) var idle: IdleBlocks
  /// Idle blocks that were handed out for something else.
  package private(set) var evictionCount = 0

  /// - Parameter prefixBlockSize: The tokens of a block; nil for a pool that keeps nothing.
  package init(blockCount: Int, prefixBlockSize: Int? = nil) {
    precondition(blockCount >= 0 && blockCount <= Int(Int32.max))
    self.blockCount = blockCount
    self.emptyBlocks = (0..<Int32(blockCount)).reversed()
    self.holderCounts = [Int32](repeating: 0, count: blockCount)
    self.index = prefixBlockSize.map { PrefixIndex(blockCount: blockCount, blockSize: $0) }
    self.idle = IdleBlocks(blockCount: prefixBlockSize == nil ? 0 : blockCount)
  }

  /// Blocks that `allocate` can give, idle ones included.
  package var freeCount: Int { emptyBlocks.count + idle.count }
  /// Blocks that somebody holds.
  package var usedCount: Int { blockCount - freeCount }
  /// Free blocks that hold tokens a request may share.
  package var idleCount: Int { idle.count }
  package var keepsPrefixes: Bool { index != nil }

  /// Takes a free block for one holder; `nil` when none is left.
  package mutating func allocate() -> Int32? {
    guard let block = emptyBlocks.popLast() ?? evict() else { return nil }
    precondition(holderCounts[Int(block)] == 0, "a free block has holders")
    holderCounts[Int(block)] = 1
    return block
  }

  private mutating func evict() -> Int32? {
    guard let block = idle.oldest else { return nil }
    idle.remove(block)
    index?.remove(block)
    evictionCount &+= 1
    return block
  }

  /// Adds a holder to a block that has one, or that is idle.
  package mutating func retain(_ block: Int32) {
    if holderCounts[Int(block)] == 0 {
      precondition(isListed(block), "retained a free block")
      idle.remove(block)
    }
    holderCounts[Int(block)] += 1
  }

  /// Takes a holder away; the block is free after the last one.
  package mutating func release(_ block: Int32) {
    precondition(holderCounts[Int(block)] > 0, "released a free block")
    holderCounts[Int(block)] -= 1
    guard holderCounts[Int(block)] == 0 else { return }
    if isListed(block) { idle.append(block) } else { emptyBlocks.append(block) }
  }

  package func holderCount(_ block: Int32) -> Int {
    Int(holderCounts[Int(block)])
  }

  /// Whether the block can be found by its tokens.
  package func isListed(_ block: Int32) -> Bool { index?.contains(block) ?? false }

  /// The block that holds `tokens` after `parent`; nil stands for the beginning of a text.
  package func block(after parent: Int32?, tokens: ArraySlice<Int32>) -> Int32? {
    index?.block(after: parent ?? PrefixIndex.root, tokens: tokens)
  }

  /// Lists a held block that now holds `tokens`, all computed, after `parent`, and returns the block that holds them
  /// from now on. Where another one did already, its bits are the same: the caller holds that one instead, and
  /// `block` is free.
  package mutating func list(_ block: Int32, after parent: Int32?, tokens: ArraySlice<Int32>) -> Int32 {
    guard index != nil else { return block }
    if let other = self.block(after: parent, tokens: tokens) {
      precondition(other != block, "a block is listed twice")
      retain(other)
      release(block)
      return other
    }
    index?.insert(block, parent: parent ?? PrefixIndex.root, tokens: tokens)
    return block
  }
}
