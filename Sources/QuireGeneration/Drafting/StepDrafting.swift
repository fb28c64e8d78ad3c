import QuireScheduling

/// Adds drafts to an engine's steps, and keeps the draft history of each request.
///
/// For each step, in this order: `extend` the plan, `note` its time, `take` its rows, `settle` each of its requests that had
/// drafts.
/// Call `end` when a request has ended.
struct StepDrafting {
  /// The drafts of a request in the current step.
  struct Grant {
    let workIndex: Int
    /// Range of its drafts in the proposals' tokens, or in `forced`.
    let range: Range<Int>
    /// Nil for forced tokens.
    let confidence: Int?
  }

  /// nil when drafting from the text is off.
  let source: (any DraftSource)?
  let model: (any TokenDrafter)?
  var planner: DraftPlanner
  /// Draft history by request.
  var records: [UInt64: Held<DraftRecord>] = [:]
  var modelAcceptance = ModelAcceptance()
  /// The current step.
  var texts: [DraftText] = []
  var proposals: DraftProposals
  /// For each of the planner's candidates its text, and its proposal, if it is there before the planner decides.
  var choices: [(textIndex: Int, proposalIndex: Int?)] = []
  var jobs: [DraftJob] = []
  var grants: [Grant] = []
  /// Forced tokens of the current step, which are drafts that are always accepted.
  var forced: [Int32] = []
  /// Number of drafts in the current step.
  private(set) var draftCount = 0
  /// Those of them that the draft model proposed.
  private(set) var modelDraftCount = 0
  /// The draft model's time for them, in steps without drafts.
  var modelCost = 0.0

  /// Whether a drafter that follows the target is worth its time; nil for others, and when all drafts are wanted.
  var account: DraftAccount?
  /// What is not yet in the account.
  var ledger = Ledger()

  /// The seconds of a step that are recorded in the account.
  struct Ledger {
    var step = 0.0
    var spent = 0.0
    var gained = 0.0
  }

  /// - Parameters:
  ///   - mode: of drafts from the text
  ///   - modelMode: of drafts of the draft model; no effect without one
  init(
    mode: LookupMode, modelMode: LookupMode = .adaptive, maximumSlots: Int, model: (any TokenDrafter)? = nil,
    modelShare: Double = 0, source: @autoclosure () -> any DraftSource
  ) {
    self.source = mode == .off ? nil : source()
    self.model = modelMode == .off ? nil : model
    let isEager = mode == .eager || model != nil && modelMode == .eager
    planner = DraftPlanner(
      mode: isEager ? .eager : .adaptive, requestCountMaximum: maximumSlots, modelShare: modelShare)
    account = self.model?.followsTarget == true && !isEager ? DraftAccount() : nil
    proposals = DraftProposals(textCountMaximum: maximumSlots)
    texts.reserveCapacity(maximumSlots)
    choices.reserveCapacity(maximumSlots)
    jobs.reserveCapacity(maximumSlots)
    grants.reserveCapacity(maximumSlots)
  }

  /// Whether any tokens but forced ones are drafted.
  var isOn: Bool { source != nil || model != nil }

  /// Rows that the draft model has computed so far.
  var modelRowCount: Int { model?.rowCount ?? 0 }

  /// Adds drafts to a plan.
  mutating func extend(
    _ plan: inout StepPlan, scheduler: inout Scheduler, budget: StepBudget, requests: [UInt64: ActiveRequest]
  ) {
    draftCount = 0
    modelDraftCount = 0
    grants.removeAll(keepingCapacity: true)
    forced.removeAll(keepingCapacity: true)
    grantForced(&plan, &scheduler, budget, requests)
    guard isOn else { return }
    settleAccount()
    // Also while the account is closed: what a request holds there is wanted by those that run when it opens again.
    for id in plan.preempted { model?.release(id) }
    collectTexts(plan, requests)
    proposals.removeAll()
    source?.propose(for: texts, into: &proposals)
    choose(plan, requests)
    runModel(plan)
    for proposal in proposals.list { grant(proposal, &plan, &scheduler, budget, requests) }
    // Released, so that requests can append to their tokens without copying them.
    texts.removeAll(keepingCapacity: true)
  }

  /// Adds the forced tokens of requests, also when drafting is off: they need no steps of their own.
  mutating func grantForced(
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

  mutating func collectTexts(_ plan: StepPlan, _ requests: [UInt64: ActiveRequest]) {
    for (index, work) in plan.work.enumerated() where work.completes {
      guard let request = requests[work.id], request.answerCount > 0, !request.hasForcedTokens else {
        continue
      }
      if records[work.id] == nil {
        records[work.id] = Held(DraftRecord(modelAcceptance: model == nil ? nil : modelAcceptance.mean))
        source?.begin(work.id, maximumTokens: request.tokenLimit)
      }
      records[work.id]?.value.earn()
      records[work.id]?.value.modelAcceptance = modelAcceptance.mean
      let limit = request.tokenLimit - request.tokens.count - 1
      guard limit > 0 else { continue }
      texts.append(
        DraftText(
          id: work.id, workIndex: index, tokens: request.tokens, limit: limit,
          answerCount: request.answerCount))
    }
  }

  func record(_ id: UInt64) -> Held<DraftRecord> {
    guard let record = records[id] else { preconditionFailure("a text without a record") }
    return record
  }

  /// Adds the drafts that the planner has chosen for one proposal to the scheduler's plan.
  mutating func grant(
    _ proposal: DraftProposals.Proposal, _ plan: inout StepPlan, _ scheduler: inout Scheduler,
    _ budget: StepBudget, _ requests: [UInt64: ActiveRequest]
  ) {
    let isModels = proposal.confidence == DraftRecord.modelConfidence
    guard let index = choices.firstIndex(where: { $0.textIndex == proposal.textIndex }),
      (choices[index].proposalIndex == nil) == isModels
    else { return }
    let text = texts[proposal.textIndex]
    var wanted = planner.candidates[index].count
    if isModels {
      wanted = min(wanted, requests[text.id]?.possibleCount(of: proposals.tokens[proposal.range]) ?? 0)
      // The model's time is spent; a draft that the constraint refuses counts as one that the target refuses.
      if wanted == 0 {
        settleModel(text.id, accepted: 0, of: 1, cost: modelCost(of: proposal.range.count), gain: 0)
      }
    }
    let count = scheduler.draft(wanted, at: text.workIndex, budget: budget, in: &plan)
    guard count > 0 else { return }
    let first = proposal.range.lowerBound
    grants.append(
      Grant(workIndex: text.workIndex, range: first..<first + count, confidence: proposal.confidence))
    draftCount += count
    modelDraftCount += isModels ? count : 0
  }

  /// The drafts of a work, in order.
  func drafts(workIndex: Int) -> ArraySlice<Int32> {
    guard let grant = grants.first(where: { $0.workIndex == workIndex }) else { return [] }
    return grant.confidence == nil ? forced[grant.range] : proposals.tokens[grant.range]
  }

  /// Whether the drafts of a work are the draft model's.
  func isModels(workIndex: Int) -> Bool {
    grants.first { $0.workIndex == workIndex }?.confidence == DraftRecord.modelConfidence
  }
}
