import QuireModel
import QuireScheduling

// What a draft head takes from the steps of its target: the rows of all texts, whether it drafts for them or not.

extension HeadDrafter {
  func take(_ plan: StepPlan, requests: [UInt64: ActiveRequest]) {
    if plan.work.contains(where: { needsRoom($0) }) { storePending(plan, requests) }
    var row = 0
    for work in plan.work {
      defer { row += work.rowCount }
      guard let request = requests[work.id], let held = begin(work, request) else { continue }
      held.value.setBlocks(work.blocks)
      held.value.keepRows(before: work.firstPosition)
      if held.value.isIncomplete { continue }
      let known = min(work.rowCount, max(0, request.tokens.count - 1 - work.firstPosition))
      if known > 0 {
        rows.addPending(held, request.tokens)
        rows.add(held, rows: row..<row + known, request.tokens)
      }
      rows.keep(held, rows: row + known..<row + work.rowCount)
    }
    rows.store()
  }

  /// Stores the pending rows of all works, so that the weights are read once for all of them.
  private func storePending(_ plan: StepPlan, _ requests: [UInt64: ActiveRequest]) {
    for work in plan.work {
      guard let request = requests[work.id], let held = texts[work.id], !held.value.isIncomplete else {
        continue
      }
      // A block that was replaced by an equal one may belong to another request by now.
      held.value.setBlocks(work.blocks)
      held.value.keepRows(before: work.firstPosition)
      rows.addPending(held, request.tokens)
    }
    rows.store()
  }

  /// Whether a work's new rows might not fit beside those that are pending.
  private func needsRoom(_ work: StepWork) -> Bool {
    guard let held = texts[work.id], held.value.pendingCount > 0 else { return false }
    return held.value.pendingCount + work.rowCount > HeadText.pendingCountMaximum
  }

  /// The text of a work; nil where no slot is left.
  private func begin(_ work: StepWork, _ request: ActiveRequest) -> Held<HeadText>? {
    if let held = texts[work.id] { return held }
    guard let slot = freeSlots.popLast() else { return nil }
    let held = Held(
      HeadText(
        slot: slot, spareBlock: firstSpareBlock + Int32(slot), maximumTokens: request.tokenLimit + 1,
        seed: seed))
    held.value.begin(
      with: request.tokens, at: work.firstPosition, drafted: rows.drafted, blocks: work.blocks)
    texts[work.id] = held
    return held
  }

  func release(_ id: UInt64) {
    guard let held = texts.removeValue(forKey: id) else { return }
    freeSlots.append(held.value.slot)
  }

  func forgetRows() {
    // Texts that continue are kept, so that no memory is allocated when the head works again.
    for held in texts.values { held.value.loseRows() }
  }

  func end(_ id: UInt64, tokens: [Int32]) {
    // For later requests that begin with this text.
    if keepsPrefixes, let held = texts[id], !held.value.isIncomplete {
      rows.addPending(held, tokens)
      rows.store()
    }
    release(id)
  }
}
