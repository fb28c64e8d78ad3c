import QuireScheduling
import Testing

/// Requests that reuse the computed tokens of others.
@Suite struct SchedulerPrefixTests {
  private static let budget = StepBudget(tokenCount: 64, logitRowCount: 16)
  private var scheduler = Scheduler(blockCount: 16, blockSize: 4, maximumSlots: 4, keepsPrefixes: true)
  private var plan = StepPlan()
  private var texts: [UInt64: [Int32]] = [:]

  private mutating func submit(
    _ id: UInt64, _ text: [Int32], maximum: Int? = nil, scored: Int = 0, shares: Bool = true
  ) {
    texts[id] = text
    scheduler.submit(
      id: id, tokenCount: text.count, maximumTokenCount: maximum ?? text.count + 8, scoredCount: scored,
      sharesPrefix: shares)
  }

  /// A step; requests whose work completes are finished if `finishes`.
  private mutating func step(finishes: Bool = true) {
    let texts = self.texts
    scheduler.plan(Self.budget, into: &plan) { texts[$0] ?? [] }
    for work in plan.work { scheduler.listPrefix(id: work.id, tokens: texts[work.id] ?? []) }
    for work in plan.work where work.completes {
      if finishes {
        scheduler.remove(id: work.id)
      } else {
        scheduler.append(id: work.id)
        self.texts[work.id]?.append(-Int32(work.id))
      }
    }
    #expect(scheduler.brokenInvariant == nil)
  }

  @Test mutating func aFinishedPromptIsNotComputedAgain() {
    submit(1, Array(0..<10))
    step()
    submit(2, Array(0..<10))
    step()
    #expect(plan.reusedTokenCounts == [8])
    #expect(plan.work.map(\.firstPosition) == [8])
    #expect(plan.work.map(\.rowCount) == [2])
  }

  @Test mutating func theLastTokenIsAlwaysComputed() {
    submit(1, Array(0..<8))
    step()
    submit(2, Array(0..<8))
    step()
    #expect(plan.reusedTokenCounts == [4])
  }

  /// Reasoning between prompt and answer that the template drops: the prompt is reused, the answer is not.
  @Test mutating func droppedReasoningKeepsTheTextBeforeIt() {
    let prompt = Array(Int32(0)..<11)
    submit(1, prompt + [50, 51, 52, 53, 54] + [60, 61, 62, 63])
    step()
    submit(2, prompt + [60, 61, 62, 63] + [70, 71])
    step()
    #expect(plan.reusedTokenCounts == [8])
    submit(3, prompt + [60, 61, 62, 63] + [70, 71] + [80, 81])
    step()
    #expect(plan.reusedTokenCounts == [16], "the history without the reasoning has been computed by now")
  }

  @Test mutating func runningRequestsShareWhatIsWritten() {
    submit(1, Array(0..<9), maximum: 30)
    step(finishes: false)
    submit(2, Array(0..<12))
    step(finishes: false)
    #expect(plan.reusedTokenCounts == [8])
    #expect(scheduler.pool.usedCount == 4, "3 blocks of the first, 3 of the second, 2 in common")
    scheduler.remove(id: 1)
    step(finishes: true)
    #expect(scheduler.pool.usedCount == 0)
  }

  @Test mutating func requestsOfOneStepBecomeOne() {
    for id in 1...3 { submit(UInt64(id), Array(0..<9), maximum: 20) }
    step(finishes: false)
    #expect(plan.reusedTokenCounts == [0, 0, 0])
    #expect(scheduler.pool.usedCount == 2 + 3)
  }

  @Test mutating func scoredPromptsAreComputedWhole() {
    submit(1, Array(0..<12))
    step()
    submit(2, Array(0..<12), scored: 11)
    step()
    #expect(plan.reusedTokenCounts == [0] && plan.work[0].scoredRows == 0..<11)
    submit(3, Array(0..<12), shares: false)
    step()
    #expect(plan.reusedTokenCounts == [0])
  }

  @Test mutating func aPreemptedRequestFindsItsBlocksAgain() {
    scheduler = Scheduler(blockCount: 6, blockSize: 4, maximumSlots: 2, keepsPrefixes: true)
    submit(1, [1, 2, 3], maximum: 24)
    submit(2, Array(10..<22), maximum: 24)
    step(finishes: false)
    while plan.preempted.isEmpty && scheduler.line.count == 2 { step(finishes: false) }
    scheduler.remove(id: 1)
    step(finishes: false)
    #expect(plan.admitted == [2])
    #expect(plan.reusedTokenCounts[0] > 0)
  }

  /// Blocks that a waiting request would share with a running one need not be free.
  @Test mutating func sharedBlocksAreNotCountedTwice() {
    scheduler = Scheduler(blockCount: 6, blockSize: 4, maximumSlots: 2, keepsPrefixes: true)
    submit(1, Array(0..<17), maximum: 20)
    step(finishes: false)
    #expect(scheduler.pool.freeCount == 1)
    submit(2, Array(0..<15), maximum: 16)
    step(finishes: false)
    #expect(plan.admitted.isEmpty, "one block, and one in reserve for the running request, are too many")
    scheduler.remove(id: 1)
    step(finishes: false)
    #expect(plan.admitted == [2] && plan.reusedTokenCounts == [12])
  }

  @Test mutating func idleBlocksGiveWayToNewPrompts() {
    for id in 1...4 { submit(UInt64(id), Array(100 * Int32(id)..<100 * Int32(id) + 24)); step() }
    #expect(scheduler.pool.idleCount == 16)
    #expect(scheduler.pool.evictionCount > 0)
    submit(9, Array(400..<424))
    step()
    #expect(plan.reusedTokenCounts == [20], "the newest prompt is still there")
    submit(10, Array(100..<124))
    step()
    #expect(plan.reusedTokenCounts == [0], "the oldest is not")
  }
}
