// How prompts share the budget of a step that decoding requests leave.
//
// The oldest unfinished prompt gets all of it, so that prompts of equal length finish one after the other, the first as
// early as possible. Exceptions are prompts with less than half as many remaining tokens as the oldest: together they get
// up to half of the budget. So a short prompt after one of 30,000 tokens takes twice its own time, not the time of
// both. Shorter ones come first.
//
// A few prompts are admitted while others are unfinished; otherwise short prompts would wait in the line.
//
// Possible alternative: equal shares for all (each of many equal prompts then waits for all).

extension Scheduler {
  /// Maximum number of unfinished prompts; more would reserve blocks that they do not need yet.
  static let promptCountMaximum = 4

  /// Number of running requests that get one token per step. Call it between steps.
  package var decodingCount: Int { line[..<runningCount].count { $0.pendingCount == 1 } }

  /// Number of requests that will decode together once all known prompts are computed, at most one for each slot.
  package var futureDecodingCount: Int {
    // A request for logits or for a single token ends with its prompt.
    min(maximumSlots, line.count { $0.pendingCount == 1 || $0.maximumTokenCount > $0.tokenCount + 1 })
  }

  /// The highest position from which the next step may compute prompt tokens, as far as this is known before planning;
  /// `nil` if there is no prompt.
  package func nextPromptPosition(tokens: (UInt64) -> [Int32] = { _ in [] }) -> Int? {
    var furthest: Int?
    for request in line[..<runningCount] where request.pendingCount > 1 {
      furthest = max(furthest ?? 0, request.computedCount)
    }
    if waitingCount > 0 && runningCount < maximumSlots {
      furthest = max(furthest ?? 0, sharedPrefixCount(at: runningCount, tokens))
    }
    return furthest
  }

  /// Remaining tokens of the prompt that the next step continues or begins first, if it had at most `limit` to compute
  /// when it began; otherwise `nil`. Such a prompt may be computed in one step: see `PromptPacing`.
  package func nextShortPromptCount(limit: Int, tokens: (UInt64) -> [Int32] = { _ in [] }) -> Int? {
    if let oldest = line[..<runningCount].first(where: { $0.pendingCount > 1 }) {
      return oldest.tokenCount - oldest.reusedCount <= limit ? oldest.pendingCount : nil
    }
    guard waitingCount > 0, runningCount < maximumSlots else { return nil }
    let count = line[runningCount].tokenCount - sharedPrefixCount(at: runningCount, tokens)
    return count <= limit ? count : nil
  }

  /// Adds prompts to a plan that already contains the decoding requests.
  mutating func planPrompts(_ budget: StepBudget, _ plan: inout StepPlan, _ tokens: (UInt64) -> [Int32]) {
    let end = min(budget.tokenCount, plan.tokenCount + budget.promptTokenCount)
    while hasBudget(plan, end, budget), promptCount < Self.promptCountMaximum, admit(&plan, tokens) {}
    planOldest(end, budget, &plan)
    while hasBudget(plan, end, budget), let index = shortestUnplanned(plan) {
      schedule(at: index, limit: end - plan.tokenCount, budget: budget, plan: &plan)
    }
    // Budget remains if all of them complete.
    while hasBudget(plan, end, budget), promptCount < Self.promptCountMaximum, admit(&plan, tokens) {
      schedule(at: runningCount - 1, limit: end - plan.tokenCount, budget: budget, plan: &plan)
    }
  }

  private func hasBudget(_ plan: StepPlan, _ end: Int, _ budget: StepBudget) -> Bool {
    plan.tokenCount < end && plan.logitRowCount < budget.logitRowCount
  }

  /// Number of running requests with tokens that are not planned yet: prompts, after decoding requests are planned.
  private var promptCount: Int { line[..<runningCount].count { $0.pendingCount > 0 } }

  private mutating func planOldest(_ end: Int, _ budget: StepBudget, _ plan: inout StepPlan) {
    guard let index = line[..<runningCount].firstIndex(where: { $0.pendingCount > 0 }) else { return }
    let rows = end - plan.tokenCount
    let longest = line[index].pendingCount
    // Shorter prompts take what they need, at most half.
    let passing = line[(index + 1)..<runningCount].reduce(0) {
      2 * $1.pendingCount < longest ? $0 + $1.pendingCount : $0
    }
    schedule(at: index, limit: max(rows - rows / 2, rows - passing), budget: budget, plan: &plan)
  }

  /// The prompt with the fewest remaining tokens among those without tokens in the plan; the oldest of equal ones.
  private func shortestUnplanned(_ plan: StepPlan) -> Int? {
    var found: Int?
    for index in 0..<runningCount where line[index].pendingCount > 0 {
      if plan.work.contains(where: { $0.id == line[index].id }) { continue }
      if line[index].pendingCount < found.map({ line[$0].pendingCount }) ?? .max { found = index }
    }
    return found
  }
}
