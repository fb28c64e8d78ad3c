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
  /// 3. Only known tokens are computed.
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
    if request.tokenCount > request.maximumTokenCount { return "\(request.id) outgrew its limit" }
    return nil
  }

  /// 4. Every used block has exactly one holder.
  private var brokenPoolInvariant: String? {
    var held = Set<Int32>()
    for block in line.lazy.flatMap(\.blocks) {
      if !held.insert(block).inserted { return "block \(block) is held twice" }
      if pool.holderCount(block) != 1 { return "block \(block) is miscounted" }
    }
    return held.count == pool.usedCount ? nil : "blocks leaked"
  }

  /// 5. There are not more running requests than slots, and only the youngest has an unfinished prompt.
  /// 6. No id is in the line twice.
  private var brokenSlotInvariant: String? {
    if runningCount > maximumSlots || runningCount > line.count { return "too many slots" }  // 5
    for request in line[..<runningCount].dropLast() where request.pendingCount > 1 {
      return "\(request.id) has an unfinished prompt, but is not the youngest"
    }
    return Set(line.map(\.id)).count == line.count ? nil : "an id is in the line twice"  // 6
  }
}
