// How prompts share the tokens of a step that those that decode leave.
//
// The oldest prompt under way gets all of them, so that prompts of the same length finish one after the other, the first
// as early as possible. But a prompt that has less than half as much to go as the oldest passes it, with half of the
// tokens at most: a short prompt behind one of 30,000 tokens takes twice its own time, not the time of both. Shorter
// ones come first.
//
// So that short prompts can be seen, a few are admitted while others are under way.
//
// Possible alternative: equal shares for all (each of many equal prompts then waits for all).

extension Scheduler {
  /// Prompts under way at the same time; more would reserve blocks that they do not need yet.
  static let promptCountMaximum = 4

  /// Running requests that get one token a step. Call it between steps.
  package var decodingCount: Int { line[..<runningCount].count { $0.pendingCount == 1 } }

  /// The position at which the next step computes prompt tokens, as far as that is known before it is planned: the
  /// furthest of all prompts that may get some; `nil` when there is no prompt.
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

  /// Adds prompts to a plan that has all that decode.
  mutating func planPrompts(_ budget: StepBudget, _ plan: inout StepPlan, _ tokens: (UInt64) -> [Int32]) {
    let end = min(budget.tokenCount, plan.tokenCount + budget.promptTokenCount)
    while hasRoom(plan, end, budget), promptCount < Self.promptCountMaximum, admit(&plan, tokens) {}
    planOldest(end, budget, &plan)
    while hasRoom(plan, end, budget), let index = shortestUnplanned(plan) {
      schedule(at: index, limit: end - plan.tokenCount, budget: budget, plan: &plan)
    }
    // What is left when all of them complete.
    while hasRoom(plan, end, budget), promptCount < Self.promptCountMaximum, admit(&plan, tokens) {
      schedule(at: runningCount - 1, limit: end - plan.tokenCount, budget: budget, plan: &plan)
    }
  }

  private func hasRoom(_ plan: StepPlan, _ end: Int, _ budget: StepBudget) -> Bool {
    plan.tokenCount < end && plan.logitRowCount < budget.logitRowCount
  }

  /// Running requests with tokens to compute besides those planned: prompts, once all that decode are planned.
  private var promptCount: Int { line[..<runningCount].count { $0.pendingCount > 0 } }

  private mutating func planOldest(_ end: Int, _ budget: StepBudget, _ plan: inout StepPlan) {
    guard let index = line[..<runningCount].firstIndex(where: { $0.pendingCount > 0 }) else { return }
    let rows = end - plan.tokenCount
    let longest = line[index].pendingCount
    // Those that pass it take what they need, at most half.
    let passing = line[(index + 1)..<runningCount].reduce(0) {
      2 * $1.pendingCount < longest ? $0 + $1.pendingCount : $0
    }
    schedule(at: index, limit: max(rows - rows / 2, rows - passing), budget: budget, plan: &plan)
  }

  /// The prompt with the fewest tokens to go that has none in the plan, the older of equal ones.
  private func shortestUnplanned(_ plan: StepPlan) -> Int? {
    var found: Int?
    for index in 0..<runningCount where line[index].pendingCount > 0 {
      if plan.work.contains(where: { $0.id == line[index].id }) { continue }
      if line[index].pendingCount < found.map({ line[$0].pendingCount }) ?? .max { found = index }
    }
    return found
  }
}
