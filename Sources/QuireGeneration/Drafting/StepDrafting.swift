import QuireScheduling

/// Adds drafts to an engine's steps, and keeps the draft history of each request.
///
/// For each step, in this order: `extend` the plan, `note` its time, `take` its rows, `settle` each of its requests that had
/// drafts.
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

  /// nil when drafting from the text is off.
  private let source: (any DraftSource)?
  private let model: (any TokenDrafter)?
  private var planner: DraftPlanner
  /// Draft history by request.
  private var records: [UInt64: Held<DraftRecord>] = [:]
  /// The acceptance that a request's drafts of the draft model begin with: that of earlier ones of all requests.
  private var modelAcceptance = DraftRecord.modelAcceptanceAtFirst
  /// Weight of the newest draft in it.
  private static let modelWeight = 0.05
  /// The current step.
  private var texts: [DraftText] = []
  private var proposals: DraftProposals
  /// For each of the planner's candidates its text, and its proposal, if it is there before the planner decides.
  private var choices: [(textIndex: Int, proposalIndex: Int?)] = []
  private var jobs: [DraftModel.Job] = []
  private var grants: [Grant] = []
  /// Forced tokens of the current step, which are drafts that are always accepted.
  private var forced: [Int32] = []
  /// Number of drafts in the current step.
  private(set) var draftCount = 0
  /// Those of them that the draft model proposed.
  private(set) var modelDraftCount = 0
  /// The draft model's time for them, in steps without drafts.
  private var modelCost = 0.0

  /// Whether a drafter that follows the target is worth its time; nil for others, and when all drafts are wanted.
  private var account: DraftAccount?
  /// What is not yet in the account.
  private var ledger = Ledger()

  /// The seconds of a step that are recorded in the account.
  private struct Ledger {
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
  private var isOn: Bool { source != nil || model != nil }

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
        records[work.id] = Held(DraftRecord(modelAcceptance: model == nil ? nil : modelAcceptance))
        source?.begin(work.id, maximumTokens: request.tokenLimit)
      }
      records[work.id]?.value.earn()
      let limit = request.tokenLimit - request.tokens.count - 1
      guard limit > 0 else { continue }
      texts.append(
        DraftText(
          id: work.id, workIndex: index, tokens: request.tokens, limit: limit,
          answerCount: request.answerCount))
    }
  }

  private func record(_ id: UInt64) -> Held<DraftRecord> {
    guard let record = records[id] else { preconditionFailure("a text without a record") }
    return record
  }

  // MARK: What is drafted

  /// Decides the drafts of each text. The proposal from the text itself and the draft model do not compete draft by draft:
  /// a text gets those with the better ratio of expected tokens to time.
  private mutating func choose(_ plan: StepPlan, _ requests: [UInt64: ActiveRequest]) {
    choices.removeAll(keepingCapacity: true)
    planner.begin(rowCount: plan.tokenCount, answerCount: plan.work.count { $0.completes })
    var next = 0
    for index in texts.indices {
      var proposalIndex: Int?
      if next < proposals.list.count, proposals.list[next].textIndex == index {
        proposalIndex = next
        next += 1
      }
      add(index, proposalIndex, plan, requests)
    }
    planner.choose()
    for (index, choice) in choices.enumerated() where planner.candidates[index].count == 0 {
      let record = record(texts[choice.textIndex].id)
      if record.value.declineOrProbe() { planner.probe(index) }
    }
    modelCost = planner.modelCost()
  }

  /// Adds a text as a candidate, if anything can be drafted for it.
  private mutating func add(
    _ textIndex: Int, _ proposalIndex: Int?, _ plan: StepPlan, _ requests: [UInt64: ActiveRequest]
  ) {
    let text = texts[textIndex]
    let record = record(text.id).value
    let modelLimit = model?.limit(of: text) ?? 0
    let backlog = model?.backlog(of: text, blocks: plan.work[text.workIndex].blocks) ?? 0
    if let proposalIndex {
      let proposal = proposals.list[proposalIndex]
      if modelLimit <= 0 || !prefersModel(record, confidence: proposal.confidence, backlog: backlog) {
        // Drafts that the request's constraint refuses are cut: they could not come true.
        let possible = requests[text.id]?.possibleCount(of: proposals.tokens[proposal.range]) ?? 0
        planner.add(
          workIndex: text.workIndex, limit: min(text.limit, possible), confidence: proposal.confidence,
          record: record)
        choices.append((textIndex, proposalIndex))
        return
      }
    }
    guard modelLimit > 0 else { return }
    planner.add(
      workIndex: text.workIndex, limit: modelLimit, confidence: DraftRecord.modelConfidence, record: record,
      backlog: backlog, rest: min(text.limit, max(Self.restMinimum, text.answerCount)))
    choices.append((textIndex, nil))
  }

  /// An answer is expected to continue for as long as it is, and at least for so many tokens.
  private static let restMinimum = 64

  private func prefersModel(_ record: DraftRecord, confidence: Int, backlog: Int) -> Bool {
    guard backlog <= DraftModel.readyRowCountMaximum else { return false }
    func gain(_ confidence: Int, passRowCount: Int) -> Double {
      planner.costs.bestGain(
        acceptance: record.acceptance(confidence: confidence), rowCount: planner.rowCount,
        passRowCount: passRowCount)
    }
    return gain(DraftRecord.modelConfidence, passRowCount: 1) > gain(confidence, passRowCount: 0)
  }

  /// Lets the draft model propose what the planner has chosen.
  private mutating func runModel(_ plan: StepPlan) {
    guard let model else { return }
    jobs.removeAll(keepingCapacity: true)
    for (index, choice) in choices.enumerated() where choice.proposalIndex == nil {
      let candidate = planner.candidates[index]
      if candidate.count > 0, let backlog = candidate.backlog {
        jobs.append(DraftModel.Job(textIndex: choice.textIndex, count: candidate.count, rowCount: backlog))
      } else if candidate.catchUpCount > 0 {
        jobs.append(
          DraftModel.Job(textIndex: choice.textIndex, count: 0, rowCount: candidate.catchUpCount))
      }
    }
    guard !jobs.isEmpty else { return }
    let passes = model.run(jobs, for: texts, plan: plan, into: &proposals)
    for pass in passes {
      planner.observePass(rowCount: pass.rowCount, seconds: pass.seconds)
      ledger.spent += pass.seconds
    }
  }

  // MARK: What becomes of it

  /// Adds the drafts that the planner has chosen for one proposal to the scheduler's plan.
  private mutating func grant(
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

  /// The share of the draft model's time that belongs to so many of its drafts.
  private func modelCost(of count: Int) -> Double {
    let all = planner.candidates.reduce(0) { $0 + ($1.backlog == nil ? 0 : $1.count) }
    return modelCost * Double(count) / Double(max(1, all))
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

  /// Records the seconds that the model needed for the step.
  mutating func note(rowCount: Int, seconds: Double) {
    if isOn { planner.observe(rowCount: rowCount, seconds: seconds) }
    ledger.step += seconds
  }

  /// The share of a step's time that it would have taken without its drafts; the step has `rowCount` rows with them.
  func plainShare(rowCount: Int) -> Double {
    planner.costs.plainShare(rowCount: rowCount, draftCount: draftCount)
  }

  /// The target has computed the plan's rows, whose blocks are still known.
  mutating func take(_ plan: StepPlan, requests: [UInt64: ActiveRequest]) {
    guard let model, account?.isOpen ?? true else { return }
    let start = ContinuousClock.now
    model.take(plan, requests: requests)
    ledger.spent += start.duration(to: .now).seconds
  }

  /// Brings the account up to date; the drafter stops when it closes.
  private mutating func settleAccount() {
    guard account != nil else { return }
    let wasOpen = account?.isOpen
    account?.note(
      answerCount: planner.answerCount, stepSeconds: ledger.step, spent: ledger.spent, gained: ledger.gained)
    ledger = Ledger()
    if wasOpen == true, account?.isOpen == false { model?.forgetTexts() }
  }

  /// Records how many drafts of a work were accepted.
  mutating func settle(_ id: UInt64, workIndex: Int, accepted: Int) {
    guard let grant = grants.first(where: { $0.workIndex == workIndex }), let confidence = grant.confidence
    else { return }
    let count = grant.range.count
    // Each draft carries an equal share of the cost; each token saved, its share of a step.
    let plannedCount = draftCount - forced.count
    let cost = planner.cost(draftCount: plannedCount) * Double(count) / Double(plannedCount)
    let gain = Double(accepted) / Double(planner.answerCount)
    if confidence == DraftRecord.modelConfidence {
      settleModel(id, accepted: accepted, of: count, cost: cost + modelCost(of: count), gain: gain)
      ledger.spent += cost * planner.costs.steps.seconds(rowCount: planner.rowCount)
      // Beside prompts nothing is gained for sure: the rows of drafts delay them, and with them the answers that follow.
      if planner.rowCount == planner.answerCount {
        ledger.gained += gain * planner.costs.steps.seconds(rowCount: planner.rowCount)
      }
    } else {
      records[id]?.value.settle(
        accepted: accepted, of: count, confidence: confidence, cost: cost, gain: gain)
    }
  }

  private mutating func settleModel(_ id: UInt64, accepted: Int, of count: Int, cost: Double, gain: Double) {
    records[id]?.value.settle(
      accepted: accepted, of: count, confidence: DraftRecord.modelConfidence, cost: cost, gain: gain)
    for _ in 0..<accepted { modelAcceptance += Self.modelWeight * (1 - modelAcceptance) }
    if accepted < count { modelAcceptance -= Self.modelWeight * modelAcceptance }
  }

  /// Removes a request, which has these tokens.
  mutating func end(_ id: UInt64, tokens: [Int32]) {
    let start = ContinuousClock.now
    model?.end(id, tokens: tokens)
    ledger.spent += start.duration(to: .now).seconds
    guard records.removeValue(forKey: id) != nil else { return }
    source?.end(id)
  }
}
