// The invariants of a pool, for tests.

extension BlockPool {
  /// The first violated invariant, as a sentence; `nil` if none is violated.
  package var brokenInvariant: String? {
    guard let index else { return idleCount == 0 ? nil : "blocks are idle in a pool that keeps no prefixes" }
    let idleBlocks = idle.all
    if idleBlocks.count != idleCount { return "idle blocks are miscounted" }
    var order: [Int32: Int] = [:]
    for (rank, block) in idleBlocks.enumerated() {
      if holderCount(block) > 0 { return "block \(block) is idle and held" }
      if !index.contains(block) { return "block \(block) is idle, but not listed" }
      if order.updateValue(rank, forKey: block) != nil { return "block \(block) is idle twice" }
    }
    return brokenChain(index, order)
  }

  /// A listed block is held or idle. Its parent is listed, has at least as many holders, and is evicted later.
  private func brokenChain(_ index: PrefixIndex, _ order: [Int32: Int]) -> String? {
    var children: [Int32: Int] = [:]
    for block in 0..<Int32(blockCount) where index.contains(block) {
      if holderCount(block) == 0 && order[block] == nil { return "block \(block) is listed, but not idle" }
      guard let parent = index.parent(block) else { continue }
      children[parent, default: 0] += 1
      if !index.contains(parent) { return "the parent of block \(block) is not listed" }
      if holderCount(parent) < holderCount(block) { return "block \(block) is held without its parent" }
      if let rank = order[parent], rank < order[block] ?? .max {
        return "block \(parent) would be evicted before its child \(block)"
      }
    }
    for block in 0..<Int32(blockCount) where index.childCount(block) != children[block] ?? 0 {
      return "the children of block \(block) are miscounted"
    }
    return nil
  }
}
