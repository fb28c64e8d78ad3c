/// The blocks of a key/value cache as integers: which are free, how many holders each used one has, and which contain
/// tokens that a later request may share.
///
///     var pool = BlockPool(blockCount: 64, prefixBlockSize: 32)
///     let block = pool.allocate()!                            // one holder
///     pool.list(block, after: nil, tokens: text[..<32])       // computed: can be found from now on
///     pool.release(block)                                     // idle: free, but its contents are kept
///     pool.retain(pool.block(after: nil, tokens: text[..<32])!)  // the same block, held again
///
/// A free block is either empty or idle. Empty blocks are allocated first; then the least recently used idle block is
/// evicted: its contents are dropped. A holder of a listed block also holds its parents, and releases them after it, so
/// a parent is never evicted before its children.
///
/// The pool has no keys and values: those are in the model's cache, which the block ids of a batch refer to.
package struct BlockPool: Sendable, Hashable {
  package let blockCount: Int
  /// Empty block ids; the last one is allocated next, so that recently used memory is used again.
  private var emptyBlocks: [Int32]
  /// Number of holders per block id; 0 is free.
  private var holderCounts: [Int32]
  /// `nil` if no blocks are shared.
  private(set) var index: PrefixIndex?
  private(set) var idle: IdleBlocks
  /// Number of idle blocks that were evicted.
  package private(set) var evictionCount = 0

  /// - Parameter prefixBlockSize: Tokens per block; `nil` for a pool that keeps no contents of free blocks.
  package init(blockCount: Int, prefixBlockSize: Int? = nil) {
    precondition(blockCount >= 0 && blockCount <= Int(Int32.max))
    self.blockCount = blockCount
    self.emptyBlocks = (0..<Int32(blockCount)).reversed()
    self.holderCounts = [Int32](repeating: 0, count: blockCount)
    self.index = prefixBlockSize.map { PrefixIndex(blockCount: blockCount, blockSize: $0) }
    self.idle = IdleBlocks(blockCount: prefixBlockSize == nil ? 0 : blockCount)
  }

  /// Blocks that `allocate` can return, including idle ones.
  package var freeCount: Int { emptyBlocks.count + idle.count }
  /// Blocks that have holders.
  package var usedCount: Int { blockCount - freeCount }
  /// Free blocks with tokens that a request may share.
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

  /// Adds a holder to a block that has holders or is idle.
  package mutating func retain(_ block: Int32) {
    if holderCounts[Int(block)] == 0 {
      precondition(isListed(block), "retained a free block")
      idle.remove(block)
    }
    holderCounts[Int(block)] += 1
  }

  /// Removes a holder; the block is free after the last one.
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

  /// The block that contains `tokens` after `parent`; a `nil` parent is the beginning of a text.
  package func block(after parent: Int32?, tokens: ArraySlice<Int32>) -> Int32? {
    index?.block(after: parent ?? PrefixIndex.root, tokens: tokens)
  }

  /// Lists a held block that now contains `tokens`, all computed, after `parent`. Returns the block that the caller
  /// must use for these tokens from now on. If another block already contains them, its bits are the same: the caller
  /// now holds that block, and `block` is released.
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
