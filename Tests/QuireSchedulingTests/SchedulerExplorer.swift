import QuireScheduling
import TestSupport

/// Walks every state that a small scheduler can reach and checks what must hold in each.
struct SchedulerExplorer {
  /// A request that may arrive; its id is its place in the list.
  struct Arrival: Hashable {
    let tokenCount: Int
    let maximumTokenCount: Int
    var scoredCount = 0
    var group: UInt64?
  }

  enum Operation: Hashable, CustomStringConvertible {
    case submit(Int)
    case step
    /// A step in which every request that decodes wants `count` drafts and finds `accepted` of them true.
    case draft(count: Int, accepted: Int)
    case cancel(UInt64)

    var description: String {
      switch self {
      case .submit(let index): return "submit \(index)"
      case .step: return "step"
      case .draft(let count, let accepted): return "step with \(accepted) of \(count) drafts"
      case .cancel(let id): return "cancel \(id)"
      }
    }
  }

  /// The scheduler and what the outside knows about it.
  struct State: Hashable {
    var scheduler: Scheduler
    var submittedCount = 0
    /// Next position that each request's cache lacks, as seen from the plans alone.
    var cachedCounts: [UInt64: Int] = [:]
    /// Prompt positions scored so far, as seen from the plans alone.
    var scoredCounts: [UInt64: Int] = [:]
    /// The token at each position of each block, as written by the plans; empty unless prefixes are kept.
    var memory: [Int32] = []
  }

  struct Failure: Error, CustomStringConvertible {
    var path: [Operation]
    let sentence: String
    var description: String { "after \(path.map(\.description).joined(separator: ", ")): \(sentence)" }
  }

  let arrivals: [Arrival]
  let budget: StepBudget
  let drafts: Bool
  let keepsPrefixes: Bool
  let initial: State

  init(
    blockCount: Int, blockSize: Int, slots: Int, budget: StepBudget, arrivals: [Arrival],
    drafts: Bool = false,
    keepsPrefixes: Bool = false
  ) {
    self.drafts = drafts
    self.keepsPrefixes = keepsPrefixes
    self.arrivals = arrivals
    self.budget = budget
    self.initial = State(
      scheduler: Scheduler(
        blockCount: blockCount, blockSize: blockSize, maximumSlots: slots, keepsPrefixes: keepsPrefixes),
      memory: keepsPrefixes ? [Int32](repeating: -1, count: blockCount * blockSize) : [])
  }

  /// Breadth first, so that a failure comes with a shortest path. Returns the number of states.
  func explore() throws(Failure) -> Int {
    var origin: [State: (State, Operation)?] = [initial: nil]
    var frontier = [initial]
    while let state = frontier.popLast() {
      do throws(Failure) {
        try checkThatAllFinish(from: state)
        for operation in operations(in: state) {
          let next = try perform(operation, on: state)
          if origin[next] == nil {
            origin[next] = (state, operation)
            frontier.insert(next, at: 0)
          }
        }
      } catch {
        var path: [Operation] = []
        var current = state
        while case .some(.some(let (previous, operation))) = origin[current] {
          path.insert(operation, at: 0)
          current = previous
        }
        throw Failure(path: path + error.path, sentence: error.sentence)
      }
    }
    return origin.count
  }

  private func operations(in state: State) -> [Operation] {
    var operations: [Operation] = [.step]
    if drafts { operations += [.draft(count: 3, accepted: 0), .draft(count: 3, accepted: 2)] }
    if state.submittedCount < arrivals.count { operations.append(.submit(state.submittedCount)) }
    for request in state.scheduler.line { operations.append(.cancel(request.id)) }
    return operations
  }

  /// With no new arrivals, stepping alone must finish everything: no request starves.
  private func checkThatAllFinish(from state: State) throws(Failure) {
    var current = state
    var path: [Operation] = []
    while !current.scheduler.isEmpty {
      guard path.count < 200 else { throw Failure(path: [], sentence: "200 steps did not finish it") }
      do throws(Failure) {
        current = try perform(.step, on: current)
      } catch {
        throw Failure(path: path + error.path, sentence: error.sentence)
      }
      path.append(.step)
    }
    guard current.scheduler.pool.usedCount == 0 else {
      throw Failure(path: path, sentence: "blocks leaked")
    }
  }

  private func perform(_ operation: Operation, on state: State) throws(Failure) -> State {
    var next = state
    let problem: String?
    switch operation {
    case .submit(let index):
      let arrival = arrivals[index]
      next.scheduler.submit(
        id: UInt64(index), group: arrival.group, tokenCount: arrival.tokenCount,
        maximumTokenCount: arrival.maximumTokenCount,
        scoredCount: arrival.scoredCount)
      next.submittedCount += 1
      problem = nil
    case .cancel(let id):
      remove(id, from: &next)
      problem = nil
    case .step:
      problem = step(&next)
    case .draft(let count, let accepted):
      problem = step(&next, draftCount: count, accepted: accepted)
    }
    if let sentence = problem ?? next.scheduler.brokenInvariant ?? overtaking(in: next.scheduler) {
      throw Failure(path: [operation], sentence: sentence)
    }
    return next
  }

  private func remove(_ id: UInt64, from state: inout State) {
    state.scheduler.remove(id: id)
    state.cachedCounts[id] = nil
    state.scoredCounts[id] = nil
  }

  /// Plans and performs one step; a sentence when the plan is wrong.
  private func step(_ state: inout State, draftCount: Int = 0, accepted: Int = 0) -> String? {
    let before = state.scheduler
    var plan = StepPlan()
    state.scheduler.plan(budget, into: &plan) { tokens(of: $0, in: before) }
    if draftCount > 0, let sentence = addDrafts(draftCount, to: &plan, &state.scheduler) { return sentence }
    for id in plan.preempted { state.cachedCounts[id] = nil }
    for (id, count) in zip(plan.admitted, plan.reusedTokenCounts) { state.cachedCounts[id] = count }
    if let sentence = brokenPlan(plan, before: before, state: state) { return sentence }
    if let sentence = write(plan, accepted: accepted, before: before, to: &state) { return sentence }
    for work in plan.work { state.scheduler.listPrefix(id: work.id, tokens: tokens(of: work.id, in: before)) }
    for work in plan.work {
      let knownEnd = work.firstPosition + work.rowCount - work.draftCount
      state.cachedCounts[work.id] = knownEnd
      state.scoredCounts[work.id, default: 0] += work.scoredRows.count
      guard work.completes else { continue }
      let arrival = arrivals[Int(work.id)]
      if state.scoredCounts[work.id] != arrival.scoredCount { return "\(work.id) completes unscored" }
      let acceptedCount = min(accepted, work.draftCount)
      if knownEnd + acceptedCount == arrival.maximumTokenCount {
        remove(work.id, from: &state)
      } else {
        for _ in 0..<acceptedCount { state.scheduler.append(id: work.id, isDraft: true) }
        state.scheduler.append(id: work.id)
        state.cachedCounts[work.id] = knownEnd + acceptedCount
      }
    }
    return nil
  }

  /// Prompts are the beginnings of one text, or for odd ids of another; each request has its own answer.
  private func tokens(of id: UInt64, in scheduler: Scheduler) -> [Int32] {
    guard keepsPrefixes, let request = scheduler.line.first(where: { $0.id == id }) else { return [] }
    return (0..<request.tokenCount).map { token(at: $0, of: id) }
  }

  private func token(at position: Int, of id: UInt64) -> Int32 {
    let isOther = id % 2 == 1 && position >= 3
    return Int32(
      position < arrivals[Int(id)].tokenCount
        ? position + (isOther ? 100 : 0) : 1000 * (Int(id) + 1) + position)
  }

  /// Writes the computed tokens of a plan. Returns a sentence if a block contains other tokens than its reader expects.
  /// Rejected drafts are other tokens.
  private func write(_ plan: StepPlan, accepted: Int, before: Scheduler, to state: inout State) -> String? {
    guard keepsPrefixes else { return nil }
    let size = before.blockSize
    for work in plan.work {
      let trueCount = work.rowCount - max(0, work.draftCount - accepted)
      for position in work.firstPosition..<work.firstPosition + work.rowCount {
        let block = work.blocks[position / size]
        if state.scheduler.pool.holderCount(block) != 1 { return "\(work.id) writes to a shared block" }
        let isTrue = position < work.firstPosition + trueCount
        state.memory[Int(block) * size + position % size] = isTrue ? token(at: position, of: work.id) : -7
      }
    }
    for work in plan.work {
      for (position, token) in tokens(of: work.id, in: before).prefix(work.firstPosition).enumerated()
      where state.memory[Int(work.blocks[position / size]) * size + position % size] != token {
        return "\(work.id) reads another text at \(position)"
      }
    }
    return nil
  }

  /// Performs random operations, including arrivals, until all requests have ended.
  func walk(seed: UInt64) throws(Failure) -> State {
    var generator = SeededGenerator(seed: seed)
    var state = initial
    while state.submittedCount < arrivals.count || !state.scheduler.isEmpty {
      var choices = operations(in: state).filter { if case .cancel = $0 { false } else { true } }
      if let request = state.scheduler.line.randomElement(using: &generator), generator.next() % 12 == 0 {
        choices = [.cancel(request.id)]
      }
      guard let operation = choices.randomElement(using: &generator) else { break }
      state = try perform(operation, on: state)
    }
    return state
  }

  /// Asks for drafts for all that completes; a sentence when that changes what was planned without them.
  private func addDrafts(_ count: Int, to plan: inout StepPlan, _ scheduler: inout Scheduler) -> String? {
    let plain = plan
    for (index, work) in plain.work.enumerated() where work.completes {
      let granted = scheduler.draft(count, at: index, budget: budget, in: &plan)
      let drafted = plan.work[index]
      if granted > count || drafted.draftCount != granted { return "\(work.id) has other drafts" }
      if drafted.rowCount != work.rowCount + granted { return "\(work.id) lost rows" }
      if !drafted.blocks.starts(with: work.blocks) { return "\(work.id) lost blocks" }
      if drafted.choosingRows != work.rowCount - 1..<work.rowCount + granted {
        return "\(work.id) chooses wrong"
      }
      let end = work.firstPosition + drafted.rowCount
      if granted > 0 && end >= arrivals[Int(work.id)].maximumTokenCount { return "\(work.id) drafts too far" }
    }
    if plan.preempted != plain.preempted || plan.admitted != plain.admitted { return "drafts displaced" }
    return nil
  }

  private func brokenPlan(_ plan: StepPlan, before: Scheduler, state: State) -> String? {
    let scheduled = Set(plan.work.map(\.id))
    if scheduled.count != plan.work.count { return "a request has two works" }
    if plan.tokenCount != plan.work.reduce(0, { $0 + $1.rowCount }) { return "tokens miscounted" }
    if plan.logitRowCount != plan.work.reduce(0, { $0 + $1.logitRowCount }) { return "logits miscounted" }
    if plan.tokenCount > budget.tokenCount { return "token budget exceeded" }
    if plan.logitRowCount > budget.logitRowCount { return "logit budget exceeded" }
    if let oldest = before.line.first, !scheduled.contains(oldest.id) { return "the oldest was not served" }
    let promptTokenCount = plan.work.reduce(0) {
      $0 + ($1.rowCount > 1 + $1.draftCount ? $1.rowCount - $1.draftCount : 0)
    }
    if promptTokenCount > budget.promptTokenCount { return "prompt budget exceeded" }
    // Whoever gives way does so for somebody who is admitted.
    let takesTurns = arrivals.contains { $0.group != nil }
    if !takesTurns && !plan.preempted.isEmpty && !plan.admitted.isEmpty { return "admitted while preempting" }
    if let id = plan.preempted.first(where: plan.admitted.contains) {
      return "\(id) lost its slot for itself"
    }
    for request in before.line[..<before.runningCount] where request.pendingCount == 1 {
      if !scheduled.contains(request.id) && !plan.preempted.contains(request.id) {
        return "the decode of \(request.id) stalled"
      }
    }
    for work in plan.work {
      if work.rowCount < 1 { return "empty work for \(work.id)" }
      if work.firstPosition != state.cachedCounts[work.id, default: 0] { return "\(work.id) has a hole" }
      let covered = work.blocks.count * before.blockSize
      if covered < work.firstPosition + work.rowCount { return "\(work.id) lacks blocks" }
      if !work.scoredRows.isEmpty {
        let first = work.firstPosition + work.scoredRows.lowerBound
        if first != state.scoredCounts[work.id, default: 0] { return "\(work.id) scores out of order" }
      }
    }
    return nil
  }

  /// Ids are given in order of arrival here, so the line is in order of ids, except where requests of a group let
  /// others go first.
  private func overtaking(in scheduler: Scheduler) -> String? {
    for (index, request) in scheduler.line.enumerated() {
      for later in scheduler.line[(index + 1)...] where later.id < request.id {
        if later.group == nil || later.group == request.group { return "\(request.id) overtook \(later.id)" }
      }
    }
    return nil
  }
}
