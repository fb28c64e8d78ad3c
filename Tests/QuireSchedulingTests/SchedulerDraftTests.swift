import Testing

import QuireScheduling

/// Drafts: rows that a step computes on the chance that their tokens come next.
@Suite struct SchedulerDraftTests {
  /// A request of 5 tokens that has computed its prompt and decodes, in blocks of 4.
  private func decoding(
    blockCount: Int = 8, maximumTokenCount: Int = 24
  ) -> (scheduler: Scheduler, plan: StepPlan) {
    var scheduler = Scheduler(blockCount: blockCount, blockSize: 4, maximumSlots: 2)
    var plan = StepPlan()
    scheduler.submit(id: 0, tokenCount: 4, maximumTokenCount: maximumTokenCount)
    scheduler.plan(Self.budget, into: &plan)
    scheduler.append(id: 0)
    scheduler.plan(Self.budget, into: &plan)
    return (scheduler, plan)
  }

  private static let budget = StepBudget(tokenCount: 16, logitRowCount: 16)

  @Test func draftsAreComputedAfterTheNewestToken() {
    var (scheduler, plan) = decoding()
    #expect(scheduler.draft(6, at: 0, budget: Self.budget, in: &plan) == 6)
    let work = plan.work[0]
    #expect(work.firstPosition == 4)
    #expect(work.rowCount == 7)
    #expect(work.choosingRows == 0..<7)
    #expect(work.blocks.count == 3)
    #expect(plan.tokenCount == 7)
    #expect(plan.logitRowCount == 7)
  }

  @Test func rejectedDraftsLeaveNothingBehind() {
    var (scheduler, plan) = decoding()
    var (plain, plainPlan) = decoding()
    #expect(scheduler.draft(8, at: 0, budget: Self.budget, in: &plan) == 8)
    #expect(scheduler.pool.usedCount == 4)
    scheduler.append(id: 0)
    plain.append(id: 0)
    #expect(scheduler == plain)
    scheduler.plan(Self.budget, into: &plan)
    plain.plan(Self.budget, into: &plainPlan)
    #expect(plan == plainPlan)
  }

  @Test func acceptedDraftsNeedNotBeComputedAgain() {
    var (scheduler, plan) = decoding()
    #expect(scheduler.draft(8, at: 0, budget: Self.budget, in: &plan) == 8)
    for _ in 0..<3 { scheduler.append(id: 0, isDraft: true) }
    scheduler.append(id: 0)
    #expect(scheduler.line[0].tokenCount == 9)
    #expect(scheduler.line[0].computedCount == 8)
    #expect(scheduler.pool.usedCount == 3, "positions 0 to 8 need three blocks, the fourth is free again")
    scheduler.plan(Self.budget, into: &plan)
    #expect(plan.work.map(\.firstPosition) == [8])
    #expect(plan.work.map(\.rowCount) == [1])
  }

  @Test func draftsShrinkToTheBudget() {
    for (tokens, logits, expected) in [(4, 16, 3), (16, 3, 2), (2, 2, 1)] {
      var (scheduler, plan) = decoding()
      let budget = StepBudget(tokenCount: tokens, logitRowCount: logits)
      #expect(scheduler.draft(8, at: 0, budget: budget, in: &plan) == expected)
    }
    var (scheduler, plan) = decoding()
    let budget = StepBudget(tokenCount: 1, logitRowCount: 16)
    #expect(scheduler.draft(8, at: 0, budget: budget, in: &plan) == 0)
    #expect(plan.work[0].rowCount == 1)
  }

  @Test func draftsShrinkToTheFreeBlocks() {
    var (scheduler, plan) = decoding(blockCount: 3, maximumTokenCount: 12)
    scheduler.append(id: 0)
    scheduler.submit(id: 1, tokenCount: 1, maximumTokenCount: 8)
    scheduler.plan(Self.budget, into: &plan)
    #expect(scheduler.pool.freeCount == 1, "rule 3 of the scheduler keeps the second request waiting")
    #expect(scheduler.draft(8, at: 0, budget: Self.budget, in: &plan) == 5)
    scheduler.append(id: 0)
    #expect(scheduler.pool.freeCount == 1)
  }

  @Test func draftsLeaveRoomForTheTokenAfterThem() {
    var (scheduler, plan) = decoding(maximumTokenCount: 8)
    #expect(scheduler.draft(8, at: 0, budget: Self.budget, in: &plan) == 2)
    scheduler.append(id: 0, isDraft: true)
    scheduler.append(id: 0, isDraft: true)
    scheduler.append(id: 0)
    #expect(scheduler.line[0].tokenCount == 8)
  }
}
