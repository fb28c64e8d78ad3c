import QuireScheduling

// What is drafted.
extension StepDrafting {
  /// Decides the drafts of each text. The proposal from the text itself and the draft model do not compete draft by draft:
  /// a text gets those with the better ratio of expected tokens to time.
  mutating func choose(_ plan: StepPlan, _ requests: [UInt64: ActiveRequest]) {
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
  mutating func add(
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
  static let restMinimum = 64

  func prefersModel(_ record: DraftRecord, confidence: Int, backlog: Int) -> Bool {
    guard backlog <= DraftModel.readyRowCountMaximum else { return false }
    func gain(_ confidence: Int, passRowCount: Int) -> Double {
      planner.costs.bestGain(
        acceptance: record.acceptance(confidence: confidence), rowCount: planner.rowCount,
        passRowCount: passRowCount)
    }
    return gain(DraftRecord.modelConfidence, passRowCount: 1) > gain(confidence, passRowCount: 0)
  }

  /// Lets the draft model propose what the planner has chosen.
  mutating func runModel(_ plan: StepPlan) {
    guard let model else { return }
    jobs.removeAll(keepingCapacity: true)
    for (index, choice) in choices.enumerated() where choice.proposalIndex == nil {
      let candidate = planner.candidates[index]
      if candidate.count > 0, let backlog = candidate.backlog {
        jobs.append(DraftJob(textIndex: choice.textIndex, count: candidate.count, rowCount: backlog))
      } else if candidate.catchUpCount > 0 {
        jobs.append(
          DraftJob(textIndex: choice.textIndex, count: 0, rowCount: candidate.catchUpCount))
      }
    }
    guard !jobs.isEmpty else { return }
    let passes = model.run(jobs, for: texts, plan: plan, into: &proposals)
    for pass in passes {
      planner.observePass(rowCount: pass.rowCount, seconds: pass.seconds)
      ledger.spent += pass.seconds
    }
  }
}
