/// The blocks of a key/value cache as integers: which are free, and how many holders each used one has.
///
///     var pool = BlockPool(blockCount: 64)
///     let block = pool.allocate()!   // one holder
///     pool.retain(block)             // two: another sequence shares these positions
///     pool.release(block)
///     pool.release(block)            // free again
///
/// The pool has no keys and values: those are in the model's cache, which the block ids of a batch refer to.
package struct BlockPool: Sendable, Hashable {
  package let blockCount: Int
  /// Free block ids; the last one is handed out next, so that recently used memory is used again.
  private var freeBlocks: [Int32]
  /// Number of holders per block id; 0 is free.
  private var holderCounts: [Int32]

  package init(blockCount: Int) {
    precondition(blockCount >= 0 && blockCount <= Int(Int32.max))
    self.blockCount = blockCount
    self.freeBlocks = (0..<Int32(blockCount)).reversed()
    self.holderCounts = [Int32](repeating: 0, count: blockCount)
  }

  package var freeCount: Int { freeBlocks.count }
  package var usedCount: Int { blockCount - freeBlocks.count }

  /// Takes a free block for one holder; `nil` when none is left.
  package mutating func allocate() -> Int32? {
    guard let block = freeBlocks.popLast() else { return nil }
    precondition(holderCounts[Int(block)] == 0, "a free block has holders")
    holderCounts[Int(block)] = 1
    return block
  }

  /// Adds a holder to a block that has one.
  package mutating func retain(_ block: Int32) {
    precondition(holderCounts[Int(block)] > 0, "retained a free block")
    holderCounts[Int(block)] += 1
  }

  /// Removes a holder; the block is free after the last one.
  package mutating func release(_ block: Int32) {
    precondition(holderCounts[Int(block)] > 0, "released a free block")
    holderCounts[Int(block)] -= 1
    if holderCounts[Int(block)] == 0 { freeBlocks.append(block) }
  }

  package func holderCount(_ block: Int32) -> Int {
    Int(holderCounts[Int(block)])
  }
}
