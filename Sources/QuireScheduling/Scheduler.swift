/// Decides, step by step, which tokens of which requests are computed. Integers only: no clock, no threads,
/// no floats, no model.
///
///     var scheduler = Scheduler(blockCount: 64, blockSize: 32, maximumSlots: 16)
///     scheduler.submit(id: 7, tokenCount: 100, maximumTokenCount: 356)
///     scheduler.plan(StepBudget(tokenCount: 64, logitRowCount: 16), into: &plan)  // 64 prompt tokens of 7
///     scheduler.plan(…, into: &plan)             // the other 36; completes, so the engine samples a token
///     scheduler.append(id: 7)                    // 101 tokens known, 100 computed: a step of one token next
///
/// There is no prefill phase and no decode phase: every request has known tokens and computed tokens, and a step
/// computes known ones. All requests are in one line, and the first `runningCount` of them hold slots and blocks.
/// The rules are:
///
/// 1. Admission increases `runningCount` by one, preemption decreases it by one: the last running request loses its
///    blocks and is computed again later. The first request is never preempted.
/// 2. Every decoding request gets one token per step. Prompts share the remaining budget in chunks
///    (`Scheduler+Prompts`), so a long prompt delays neither answers nor short prompts.
/// 3. A request is admitted when the free blocks hold all its tokens and leave one block for each running request;
///    so its prompt can be computed without taking blocks from others.
/// 4. The line is in order of arrival, except that requests of one group take turns with those of others
///    (`Scheduler+Turns`): one call for 256 answers must not block all other requests.
/// 5. Blocks that already contain a request's first tokens are shared and not computed again (`Scheduler+Prefixes`).
///
/// Possible alternatives: allocate blocks for each chunk of a prompt (admits earlier, but unfinished prompts then
/// preempt each other and their work is lost); swap blocks out instead of recomputing (on a CPU this would copy
/// from memory to memory).
package struct Scheduler: Sendable, Hashable {
  package let blockSize: Int
  package let maximumSlots: Int
  package internal(set) var pool: BlockPool
  /// All requests, in the order in which they are served.
  package internal(set) var line: [ScheduledRequest] = []
  /// The number of requests at the start of `line` that hold slots.
  package internal(set) var runningCount = 0

  /// - Parameter keepsPrefixes: Whether computed blocks are kept for requests that begin with the same tokens.
  package init(blockCount: Int, blockSize: Int, maximumSlots: Int, keepsPrefixes: Bool = false) {
    precondition(blockCount >= 1 && blockSize >= 1 && maximumSlots >= 1)
    self.blockSize = blockSize
    self.maximumSlots = maximumSlots
    self.pool = BlockPool(blockCount: blockCount, prefixBlockSize: keepsPrefixes ? blockSize : nil)
  }

  package var waitingCount: Int { line.count - runningCount }
  package var isEmpty: Bool { line.isEmpty }
  /// The maximum number of tokens of a single request.
  package var tokenCapacity: Int { pool.blockCount * blockSize }

  /// Puts a request into the line. Positions 0 ..< scoredCount also get logits, so they must be computed: such a
  /// request shares no blocks.
  package mutating func submit(
    id: UInt64, group: UInt64? = nil, tokenCount: Int, maximumTokenCount: Int, scoredCount: Int = 0,
    sharesPrefix: Bool = true
  ) {
    precondition(tokenCount >= 1 && tokenCount <= maximumTokenCount, "a request needs tokens")
    precondition(maximumTokenCount <= tokenCapacity, "a request must fit the cache when it is alone")
    precondition(scoredCount >= 0 && scoredCount < tokenCount, "the last position scores nothing yet")
    precondition(!line.contains { $0.id == id }, "an id is submitted once")
    takeTurn(
      ScheduledRequest(
        id: id, group: group, tokenCount: tokenCount, maximumTokenCount: maximumTokenCount,
        scoredCount: scoredCount, sharesPrefix: sharesPrefix && scoredCount == 0))
  }

  /// Records that a request got one more token, after work that `completes`.
  ///
  /// `isDraft` says that the token equals the next draft of that work, so that it is already computed. The first token
  /// that does not ends the drafts: the remaining ones are dropped, and the blocks that only they needed are freed.
  package mutating func append(id: UInt64, isDraft: Bool = false) {
    let index = index(of: id)
    precondition(line[index].pendingCount == 0, "a token was sampled before the others were computed")
    precondition(line[index].tokenCount < line[index].maximumTokenCount, "a request outgrew its limit")
    line[index].tokenCount += 1
    if isDraft {
      precondition(line[index].draftCount > 0, "more drafts were accepted than were computed")
      line[index].draftCount -= 1
      line[index].computedCount += 1
    } else if line[index].draftCount > 0 {
      line[index].draftCount = 0
      releaseBlocks(at: index, keeping: blockCount(covering: line[index].tokenCount))
    }
  }

  /// Removes a finished or cancelled request, running or waiting. Its blocks are free at once; listed ones keep their
  /// contents until their memory is needed.
  package mutating func remove(id: UInt64) {
    let index = index(of: id)
    releaseBlocks(at: index)
    line.remove(at: index)
    if index < runningCount { runningCount -= 1 }
  }

  func index(of id: UInt64) -> Int {
    guard let index = line.firstIndex(where: { $0.id == id }) else {
      preconditionFailure("request \(id) is not in the line")
    }
    return index
  }

  func blockCount(covering tokenCount: Int) -> Int {
    (tokenCount + blockSize - 1) / blockSize
  }

  mutating func releaseBlocks(at index: Int, keeping keptCount: Int = 0) {
    // Last block first: the pool hands the first block out first again, and the end of a text is forgotten before its
    // beginning.
    while line[index].blocks.count > keptCount, let block = line[index].blocks.popLast() {
      pool.release(block)
    }
    line[index].listedCount = min(line[index].listedCount, line[index].blocks.count)
  }
}

// MARK: - Planning

extension Scheduler {
  /// Fills `plan` with the next step and counts its tokens as computed: the caller must execute the plan, or remove the
  /// requests for which it could not. A request that loses its blocks here is not admitted again in the same plan,
  /// because admission requires more blocks than it gave up.
  ///
  /// Both parts of the budget must be at least `maximumSlots`; then every plan advances the first request, and so
  /// every request finishes.
  /// - Parameter tokens: Returns the known tokens of a request, which are the key to find its blocks; called only if
  ///   the scheduler keeps prefixes.
  package mutating func plan(
    _ budget: StepBudget, into plan: inout StepPlan, tokens: (UInt64) -> [Int32] = { _ in [] }
  ) {
    precondition(budget.tokenCount >= maximumSlots && budget.logitRowCount >= maximumSlots)
    precondition(budget.promptTokenCount >= 1, "the budget for prompts is at least 1")
    plan.removeAll()
    giveWay(&plan, tokens)
    var index = 0
    while index < runningCount {
      let hasBlocks = grow(at: index, plan: &plan)
      if hasBlocks, line[index].pendingCount == 1 {
        schedule(at: index, limit: 1, budget: budget, plan: &plan)
      }
      index += 1
    }
    planPrompts(budget, &plan, tokens)
  }

  /// Gives the request the block that its newest token may need, if necessary by preempting the youngest request.
  /// False when the request itself was the youngest and lost its slot.
  private mutating func grow(at index: Int, plan: inout StepPlan) -> Bool {
    while line[index].blocks.count < blockCount(covering: line[index].tokenCount) {
      if let block = pool.allocate() {
        line[index].blocks.append(block)
      } else {
        preempt(&plan)
        if runningCount == index { return false }
      }
    }
    return true
  }

  private mutating func preempt(_ plan: inout StepPlan) {
    precondition(runningCount > 1, "the oldest request always fits the cache")
    runningCount -= 1
    releaseBlocks(at: runningCount)
    line[runningCount].computedCount = 0
    plan.preempted.append(line[runningCount].id)
  }

  mutating func admit(_ plan: inout StepPlan, _ tokens: (UInt64) -> [Int32]) -> Bool {
    guard waitingCount > 0, canAdmitNext(tokens) else { return false }
    let neededCount = blockCount(covering: line[runningCount].tokenCount)
    // Reserved here, so that no later step allocates memory for it.
    line[runningCount].blocks.reserveCapacity(blockCount(covering: line[runningCount].maximumTokenCount))
    sharePrefix(at: runningCount, tokens)
    plan.reusedTokenCounts.append(line[runningCount].computedCount)
    while line[runningCount].blocks.count < neededCount {
      guard let block = pool.allocate() else { preconditionFailure("counted as free") }
      line[runningCount].blocks.append(block)
    }
    plan.admitted.append(line[runningCount].id)
    runningCount += 1
    return true
  }

  /// Whether a slot and enough blocks are free for the first waiting request. Blocks that it shares with a running
  /// request are not free blocks, so it needs fewer of those; idle blocks are free.
  func canAdmitNext(_ tokens: (UInt64) -> [Int32]) -> Bool {
    guard runningCount < maximumSlots else { return false }
    let needed = blockCount(covering: line[runningCount].tokenCount) + runningCount
    if pool.freeCount >= needed { return true }
    return pool.freeCount >= needed - heldPrefixCount(at: runningCount, tokens)
  }

  /// Plans up to `limit` tokens of a request.
  mutating func schedule(at index: Int, limit: Int, budget: StepBudget, plan: inout StepPlan) {
    let rowCount = line[index].rowCount(
      limit: min(limit, budget.tokenCount - plan.tokenCount),
      logitRowLimit: budget.logitRowCount - plan.logitRowCount)
    guard rowCount > 0 else { return }
    plan.append(line[index].work(rowCount: rowCount))
    line[index].advance(rowCount: rowCount)
  }
}

// MARK: - Drafts

extension Scheduler {
  /// Adds up to `count` drafts to a work of the plan that completes. Returns how many were added: as many as the
  /// budget, the free blocks and the request's limit allow.
  ///
  /// Drafts are added to a finished plan and change nothing else in it; blocks that only drafts needed are free again
  /// before the next plan. So drafts never displace a token, an admission or a running request.
  package mutating func draft(
    _ count: Int, at workIndex: Int, budget: StepBudget, in plan: inout StepPlan
  ) -> Int {
    precondition(
      plan.work[workIndex].completes && plan.work[workIndex].draftCount == 0,
      "drafts come once, after all known tokens")
    let index = index(of: plan.work[workIndex].id)
    let tokenCount = line[index].tokenCount
    let rowCount = min(
      count, budget.tokenCount - plan.tokenCount, budget.logitRowCount - plan.logitRowCount,
      // The row before the last possible token already predicts it, so no draft is computed at that position.
      line[index].maximumTokenCount - tokenCount - 1)
    guard rowCount > 0 else { return 0 }
    // The list is about to grow; if it were shared with the plan, it would be copied.
    plan.work[workIndex].blocks = []
    while line[index].blocks.count < blockCount(covering: tokenCount + rowCount),
      let block = pool.allocate()
    {
      line[index].blocks.append(block)
    }
    let draftCount = min(rowCount, line[index].blocks.count * blockSize - tokenCount)
    line[index].draftCount = draftCount
    plan.extend(workIndex, draftCount: draftCount, blocks: line[index].blocks)
    return draftCount
  }
}
