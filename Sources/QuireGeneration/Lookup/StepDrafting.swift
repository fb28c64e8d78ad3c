import QuireScheduling

/// Gives an engine's steps their drafts, and the requests their account of them.
///
/// Once a step, in this order: `extend` the plan, `note` the time it took, `settle` with each request that goes on.
struct StepDrafting {
  private let mode: LookupMode
  private var planner: DraftPlanner
  /// Drafts of the step under way.
  private(set) var draftCount = 0

  init(mode: LookupMode, maximumSlots: Int) {
    self.mode = mode
    planner = DraftPlanner(mode: mode, requestCountMaximum: maximumSlots)
  }

  /// Adds drafts to a plan; the requests hold them.
  mutating func extend(
    _ plan: inout StepPlan, scheduler: inout Scheduler, budget: StepBudget, requests: [UInt64: ActiveRequest]
  ) {
    draftCount = 0
    guard mode != .off else { return }
    planner.begin(rowCount: plan.tokenCount, answerCount: plan.work.count { $0.completes })
    for (index, work) in plan.work.enumerated() where work.completes {
      guard let request = requests[work.id], request.answerCount > 0, let length = request.lookUp(),
        let record = request.drafter?.record
      else { continue }
      let limit = request.tokenLimit - request.tokens.count - 1
      if limit > 0 { planner.add(workIndex: index, limit: limit, matchLength: length, record: record) }
    }
    planner.choose()
    for index in planner.candidates.indices {
      let workIndex = planner.candidates[index].workIndex
      guard let request = requests[plan.work[workIndex].id] else { continue }
      if planner.candidates[index].count == 0, request.declineOrProbe() { planner.probe(index) }
      let count = scheduler.draft(
        planner.candidates[index].count, at: workIndex, budget: budget, in: &plan)
      if count > 0 { request.draft(count) }
      draftCount += count
    }
  }

  /// Takes in the seconds that the model needed for the step.
  mutating func note(rowCount: Int, seconds: Double) {
    if mode != .off { planner.observe(rowCount: rowCount, seconds: seconds) }
  }

  /// Tells a request of the step how many of its drafts came true.
  func settle(_ request: ActiveRequest, accepted: Int, of count: Int) {
    guard count > 0 else { return }
    // Each draft carries an equal share of the cost; each token saved, its share of a step.
    let cost = planner.cost(draftCount: draftCount) * Double(count) / Double(draftCount)
    request.settle(accepted: accepted, cost: cost, gain: Double(accepted) / Double(planner.answerCount))
  }
}
