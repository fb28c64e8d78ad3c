import QuireScheduling

/// Adds drafts to an engine's steps, and keeps the draft history of each request.
///
/// For each step, in this order: `extend` the plan, `note` its time, `settle` each of its requests that had drafts.
/// Call `end` when a request has ended.
struct StepDrafting {
  /// The drafts of a request in the current step.
  private struct Grant {
    let workIndex: Int
    /// Range of its drafts in the proposals' tokens, or in `forced`.
    let range: Range<Int>
    /// Nil for forced tokens.
    let confidence: Int?
  }

  /// nil when drafting is off.
  private let source: (any DraftSource)?
  private var planner: DraftPlanner
  /// Draft history by request.
  private var records: [UInt64: Held<DraftRecord>] = [:]
  /// The current step.
  private var texts: [DraftText] = []
  private var proposals: DraftProposals
  private var grants: [Grant] = []
  /// Forced tokens of the current step, which are drafts that are always accepted.
  private var forced: [Int32] = []
  /// Number of drafts in the current step.
  private(set) var draftCount = 0

  init(mode: LookupMode, maximumSlots: Int, source: @autoclosure () -> any DraftSource) {
    self.source = mode == .off ? nil : source()
    planner = DraftPlanner(mode: mode, requestCountMaximum: maximumSlots)
    proposals = DraftProposals(textCountMaximum: maximumSlots)
    texts.reserveCapacity(maximumSlots)
    grants.reserveCapacity(maximumSlots)
  }

  /// Adds drafts to a plan.
  mutating func extend(
    _ plan: inout StepPlan, scheduler: inout Scheduler, budget: StepBudget, requests: [UInt64: ActiveRequest]
  ) {
    draftCount = 0
    grants.removeAll(keepingCapacity: true)
    forced.removeAll(keepingCapacity: true)
    grantForced(&plan, &scheduler, budget, requests)
    guard let source else { return }
    collectTexts(plan, requests)
    proposals.removeAll()
    source.propose(for: texts, into: &proposals)
    planner.begin(rowCount: plan.tokenCount, answerCount: plan.work.count { $0.completes })
    for proposal in proposals.list {
      let text = texts[proposal.textIndex]
      guard let record = records[text.id] else { preconditionFailure("a text without a record") }
      // Drafts that the request's constraint refuses are cut: they could not come true.
      let possible = requests[text.id]?.possibleCount(of: proposals.tokens[proposal.range]) ?? 0
      planner.add(
        workIndex: text.workIndex, limit: min(text.limit, possible),
        confidence: proposal.confidence, record: record.value)
    }
    planner.choose()
    for (index, proposal) in proposals.list.enumerated() {
      grant(proposal, candidate: index, &plan, &scheduler, budget)
    }
    // Released, so that requests can append to their tokens without copying them.
    texts.removeAll(keepingCapacity: true)
  }

  /// Adds the forced tokens of requests, also when drafting is off: they need no steps of their own.
  private mutating func grantForced(
    _ plan: inout StepPlan, _ scheduler: inout Scheduler, _ budget: StepBudget,
    _ requests: [UInt64: ActiveRequest]
  ) {
    for index in plan.work.indices where plan.work[index].completes {
      guard let request = requests[plan.work[index].id], request.hasForcedTokens else { continue }
      let tokens = request.forcedTokens
      let count = scheduler.draft(tokens.count, at: index, budget: budget, in: &plan)
      guard count > 0 else { continue }
      grants.append(
        Grant(workIndex: index, range: forced.count..<forced.count + count, confidence: nil))
      forced += tokens.prefix(count)
      draftCount += count
    }
  }

  private mutating func collectTexts(_ plan: StepPlan, _ requests: [UInt64: ActiveRequest]) {
    for (index, work) in plan.work.enumerated() where work.completes {
      guard let request = requests[work.id], request.answerCount > 0, !request.hasForcedTokens else {
        continue
      }
      if records[work.id] == nil {
        records[work.id] = Held(DraftRecord())
        source?.begin(work.id, maximumTokens: request.tokenLimit)
      }
      records[work.id]?.value.earn()
      let limit = request.tokenLimit - request.tokens.count - 1
      guard limit > 0 else { continue }
      texts.append(DraftText(id: work.id, workIndex: index, tokens: request.tokens, limit: limit))
    }
  }

  /// Adds the drafts that the planner has chosen for one proposal to the scheduler's plan.
  private mutating func grant(
    _ proposal: DraftProposals.Proposal, candidate index: Int, _ plan: inout StepPlan,
    _ scheduler: inout Scheduler, _ budget: StepBudget
  ) {
    let text = texts[proposal.textIndex]
    if planner.candidates[index].count == 0, records[text.id]?.value.declineOrProbe() == true {
      planner.probe(index)
    }
    let count = scheduler.draft(
      planner.candidates[index].count, at: text.workIndex, budget: budget, in: &plan)
    guard count > 0 else { return }
    let first = proposal.range.lowerBound
    grants.append(
      Grant(workIndex: text.workIndex, range: first..<first + count, confidence: proposal.confidence))
    draftCount += count
  }

  /// The drafts of a work, in order.
  func drafts(workIndex: Int) -> ArraySlice<Int32> {
    guard let grant = grants.first(where: { $0.workIndex == workIndex }) else { return [] }
    return grant.confidence == nil ? forced[grant.range] : proposals.tokens[grant.range]
  }

  /// Records the seconds that the model needed for the step.
  mutating func note(rowCount: Int, seconds: Double) {
    if source != nil { planner.observe(rowCount: rowCount, seconds: seconds) }
  }

  /// Records how many drafts of a work were accepted.
  mutating func settle(_ id: UInt64, workIndex: Int, accepted: Int) {
    guard let grant = grants.first(where: { $0.workIndex == workIndex }), let confidence = grant.confidence
    else { return }
    let count = grant.range.count
    // Each draft carries an equal share of the cost; each token saved, its share of a step.
    let plannedCount = draftCount - forced.count
    let cost = planner.cost(draftCount: plannedCount) * Double(count) / Double(plannedCount)
    records[id]?.value.settle(
      accepted: accepted, of: count, confidence: confidence, cost: cost,
      gain: Double(accepted) / Double(planner.answerCount))
  }

  /// Removes a request.
  mutating func end(_ id: UInt64) {
    guard records.removeValue(forKey: id) != nil else { return }
    source?.end(id)
  }
}
