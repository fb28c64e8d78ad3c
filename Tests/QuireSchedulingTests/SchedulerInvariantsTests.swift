import QuireScheduling
import Testing

/// The invariants see what a caller does wrong; that they hold otherwise, `SchedulerExplorer` finds in every state.
@Suite struct SchedulerInvariantsTests {
  private let budget = StepBudget(tokenCount: 16, logitRowCount: 16)

  @Test func holdFromTheFirstRequestToTheLast() {
    var scheduler = Scheduler(blockCount: 8, blockSize: 4, maximumSlots: 2)
    var plan = StepPlan()
    #expect(scheduler.brokenInvariant == nil)
    for id in [3, 9] { scheduler.submit(id: UInt64(id), tokenCount: 5, maximumTokenCount: 9) }
    #expect(scheduler.brokenInvariant == nil)
    scheduler.plan(budget, into: &plan)
    for work in plan.work where work.completes { scheduler.append(id: work.id) }
    #expect(scheduler.brokenInvariant == nil)
    scheduler.remove(id: 3)
    scheduler.remove(id: 9)
    #expect(scheduler.brokenInvariant == nil)
  }

  /// Drafts that were computed and never settled would keep their blocks for ever.
  @Test func unsettledDraftsShow() {
    var scheduler = Scheduler(blockCount: 8, blockSize: 4, maximumSlots: 1)
    var plan = StepPlan()
    scheduler.submit(id: 7, tokenCount: 4, maximumTokenCount: 20)
    scheduler.plan(budget, into: &plan)
    #expect(scheduler.draft(6, at: 0, budget: budget, in: &plan) == 6)
    #expect(scheduler.brokenInvariant == "7 kept drafts")
    scheduler.append(id: 7)
    #expect(scheduler.brokenInvariant == nil)
  }
}
