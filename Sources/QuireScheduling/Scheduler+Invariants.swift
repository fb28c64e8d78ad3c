// What must hold between two steps, for tests of whatever drives a scheduler.

extension Scheduler {
  /// The first rule that the present state breaks, as a sentence; nil when all hold. Call it between steps, when the
  /// tokens of the last plan have been appended. It looks at every block: not for use in a serving engine.
  package var brokenInvariant: String? {
    line.indices.lazy.compactMap(brokenInvariant(at:)).first ?? brokenPoolInvariant
      ?? brokenSlotInvariant
  }

  /// 1. A waiting request holds nothing.
  /// 2. A running one holds the blocks of what it has computed, and none that only drafts needed.
  /// 3. Nothing is computed that is not known, and nothing is listed for others that is not computed.
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
    if request.computedCount > request.tokenCount { return "\(request.id) computed the unknown" }  // 3
    let listed = request.blocks.prefix(request.listedCount)
    if listed.count * blockSize > request.computedCount || !listed.allSatisfy(pool.isListed) {
      return "\(request.id) lists what is not computed"
    }
    if !request.sharesPrefix && request.listedCount > 0 { return "\(request.id) shares against its will" }
    if request.tokenCount > request.maximumTokenCount { return "\(request.id) outgrew its limit" }
    return nil
  }

  /// 4. Every block that is in use has as many holders as requests hold it, and a request holds it once. Only listed
  ///    blocks have more than one.
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

  /// 5. There are not more running requests than slots, and only a few of them have a prompt under way.
  /// 6. No id stands in the line twice.
  private var brokenSlotInvariant: String? {
    if runningCount > maximumSlots || runningCount > line.count { return "too many slots" }  // 5
    if line[..<runningCount].count(where: { $0.pendingCount > 1 }) > Self.promptCountMaximum {
      return "too many prompts are under way"
    }
    return Set(line.map(\.id)).count == line.count ? nil : "an id stands in the line twice"  // 6
  }
}
