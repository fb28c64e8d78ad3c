// Invariants that hold between two steps, for tests of the code that drives a scheduler.

extension Scheduler {
  /// The first invariant that the current state violates, as a sentence; nil when all hold. Call it between steps,
  /// after the tokens of the last plan were appended. It checks every block, which is too slow for a serving engine.
  package var brokenInvariant: String? {
    line.indices.lazy.compactMap(brokenInvariant(at:)).first ?? brokenPoolInvariant
      ?? brokenSlotInvariant
  }

  /// 1. A waiting request holds nothing.
  /// 2. A running request holds the blocks of its computed tokens, and none that only drafts needed.
  /// 3. Only known tokens are computed, and only blocks of computed tokens are listed for other requests.
  private func brokenInvariant(at index: Int) -> String? {
    let request = line[index]
    if index >= runningCount && (!request.blocks.isEmpty || request.computedCount > 0) {  // 1
      return "waiting \(request.id) holds blocks"
    }
    if request.blocks.count * blockSize < request.computedCount {  // 2
      return "\(request.id) computed without blocks"
    }
    if request.draftCount > 0 { return "\(request.id) kept drafts" }
    let needed = (request.tokenCount + blockSize - 1) / blockSize
    if request.blocks.count > needed { return "\(request.id) kept blocks for drafts" }
    if request.computedCount > request.tokenCount { return "\(request.id) computed unknown tokens" }  // 3
    let listed = request.blocks.prefix(request.listedCount)
    if listed.count * blockSize > request.computedCount || !listed.allSatisfy(pool.isListed) {
      return "\(request.id) lists blocks that are not computed"
    }
    if !request.sharesPrefix && request.listedCount > 0 { return "\(request.id) must not share, but does" }
    if request.tokenCount > request.maximumTokenCount { return "\(request.id) outgrew its limit" }
    return nil
  }

  /// 4. Each used block has as many holders as requests hold it, and a request holds a block only once. Only listed
  ///    blocks have more than one holder.
  private var brokenPoolInvariant: String? {
    var holders: [Int32: Int] = [:]
    for request in line {
      if Set(request.blocks).count != request.blocks.count { return "\(request.id) holds a block twice" }
      for block in request.blocks { holders[block, default: 0] += 1 }
    }
    for (block, count) in holders {
      if pool.holderCount(block) != count { return "block \(block) is miscounted" }
      if count > 1 && !pool.isListed(block) { return "block \(block) is held twice" }
    }
    return holders.count == pool.usedCount ? pool.brokenInvariant : "blocks leaked"
  }

  /// 5. There are not more running requests than slots, and only a few of them have unfinished prompts.
  /// 6. No id is in the line twice.
  private var brokenSlotInvariant: String? {
    if runningCount > maximumSlots || runningCount > line.count { return "too many slots" }  // 5
    if line[..<runningCount].count(where: { $0.pendingCount > 1 }) > Self.promptCountMaximum {
      return "too many prompts are unfinished"
    }
    return Set(line.map(\.id)).count == line.count ? nil : "an id is in the line twice"  // 6
  }
}
