import QuireScheduling

// What becomes of drafts, and what they cost.
extension StepDrafting {
  /// The share of the draft model's time that belongs to so many of its drafts.
  func modelCost(of count: Int) -> Double {
    let all = planner.candidates.reduce(0) { $0 + ($1.backlog == nil ? 0 : $1.count) }
    return modelCost * Double(count) / Double(max(1, all))
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
  mutating func settleAccount() {
    guard account != nil else { return }
    let wasOpen = account?.isOpen
    account?.note(
      answerCount: planner.answerCount, stepSeconds: ledger.step, spent: ledger.spent, gained: ledger.gained)
    ledger = Ledger()
    if wasOpen == true, account?.isOpen == false { model?.forgetRows() }
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
        accepted: accepted, of: count, confidence: confidence, cost: cost, gain: gain,
        requestCount: planner.answerCount)
    }
  }

  mutating func settleModel(_ id: UInt64, accepted: Int, of count: Int, cost: Double, gain: Double) {
    records[id]?.value.settle(
      accepted: accepted, of: count, confidence: DraftRecord.modelConfidence, cost: cost, gain: gain,
      requestCount: planner.answerCount)
    modelAcceptance.note(accepted: accepted, of: count, requestCount: planner.answerCount)
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
