/// Chooses how many drafts each request of a step gets, to maximize the expected tokens per second.
///
///     planner.begin(rowCount: 3, answerCount: 3)  // the step without drafts
///     planner.add(workIndex: 0, limit: 8, confidence: 2, record: record)
///     planner.choose()
///     planner.candidates[0].count                 // drafts for work 0
///
/// A draft is accepted only when all drafts before it are, so the value of a request's next draft is the product of
/// their probabilities. Always adding the most valuable draft of any request gives the best set of each size. The
/// size is then chosen by expected tokens per expected second. All sizes are compared, because the cost of rows has
/// jumps: a fifth row may be expensive and a sixth free.
///
/// Drafts of the draft model also cost its passes: one for each draft of the request with the most, with a row for each
/// request that has so many. What it must first compute of a text belongs to the first pass (`DraftPlanner+CatchUp`).
package struct DraftPlanner: Sendable {
  /// Drafts per request and step.
  package static let draftCountMaximum = 8
  /// Drafts per step.
  package static let stepDraftCountMaximum = 32
  /// Drafts are used only if they raise the expected tokens per second by at least this factor.
  static let leastGain = 1.02

  /// A request of the step with proposed drafts, or with drafts that the draft model could propose.
  package struct Candidate: Sendable {
    package let workIndex: Int
    /// Maximum number of drafts.
    let limit: Int
    package let confidence: Int
    /// Rows that the draft model computes for the first draft; nil if the drafts are there.
    package let backlog: Int?
    /// Tokens that its answer is expected to have after this step.
    let rest: Int
    /// Probability of each draft, given those before it.
    fileprivate let acceptance: Double
    /// Credit that may be spent, in steps without drafts.
    fileprivate let credit: Double
    /// Number of drafts it gets.
    package internal(set) var count = 0
    /// Known tokens that the draft model computes for later drafts.
    package internal(set) var catchUpCount = 0
    /// Probability that its next draft is accepted.
    fileprivate var value = 0.0
    fileprivate var isExhausted = false

    /// Its rows in the draft model's pass with this number.
    fileprivate func passRowCount(depth: Int) -> Int {
      guard let backlog, count > depth else { return 0 }
      return depth == 0 ? backlog : 1
    }

    /// The same for one more draft; an unready text counts as computed.
    fileprivate var nextPassRowCount: Int {
      guard let backlog else { return 0 }
      return count > 0 || isUnready ? 1 : backlog
    }

    /// Whether the draft model must compute more before it can draft than belongs to a step.
    var isUnready: Bool { (backlog ?? 0) > DraftModel.readyRowCountMaximum }
  }

  let mode: LookupMode
  package internal(set) var candidates: [Candidate] = []
  /// Drafts, most valuable first: their candidate, the probability that they are accepted, and the draft model's seconds
  /// for all drafts up to this one.
  private(set) var order: [(index: Int, value: Double, modelSeconds: Double)] = []
  /// Rows of each pass of the draft model.
  private var passRows = [Int](repeating: 0, count: Self.draftCountMaximum)
  private(set) var rowCount = 1
  package private(set) var answerCount = 1
  package private(set) var costs: DraftCosts

  /// Up to `requestCountMaximum` requests get drafts in a step without an allocation.
  /// - Parameter modelShare: the expected time of the draft model's pass, relative to a step
  package init(mode: LookupMode, requestCountMaximum: Int = 16, modelShare: Double = 0) {
    self.mode = mode
    costs = DraftCosts(assumedShare: modelShare)
    candidates.reserveCapacity(requestCountMaximum)
    order.reserveCapacity(Self.stepDraftCountMaximum)
  }

  /// Starts a step that, without drafts, computes `rowCount` rows and gives `answerCount` requests a token.
  package mutating func begin(rowCount: Int, answerCount: Int) {
    candidates.removeAll(keepingCapacity: true)
    self.rowCount = rowCount
    self.answerCount = answerCount
  }

  /// Adds a request that can have up to `limit` drafts.
  ///
  /// - Parameters:
  ///   - backlog: for drafts of the draft model, the tokens of the text that it has not computed
  ///   - rest: tokens that the answer is expected to have after this step
  package mutating func add(
    workIndex: Int, limit: Int, confidence: Int, record: DraftRecord, backlog: Int? = nil, rest: Int = 0
  ) {
    candidates.append(
      Candidate(
        workIndex: workIndex, limit: min(limit, Self.draftCountMaximum), confidence: confidence,
        backlog: backlog, rest: rest, acceptance: record.acceptance(confidence: confidence),
        credit: record.credit))
  }

  /// Decides the counts of all candidates.
  package mutating func choose() {
    guard mode != .eager else { return chooseAll() }
    // The first steps have no drafts, to measure times to compare with.
    guard costs.steps.knows(rowCount: rowCount) else { return }
    planCatchUp()
    apply(best(assumesReady: false).draftCount)
  }

  /// Sets the candidates' counts to those of the first drafts of `order`.
  mutating func apply(_ draftCount: Int) {
    for index in candidates.indices { candidates[index].count = 0 }
    for draft in order.prefix(draftCount) { candidates[draft.index].count += 1 }
  }

  /// Gives one draft to a candidate that got none, if its credit allows it. A draft of the draft model must also pay if
  /// it is certain to come true: if it does not, trying it would teach nothing that could be used.
  package mutating func probe(_ index: Int) {
    precondition(candidates[index].count == 0)
    let candidate = candidates[index]
    guard candidate.limit > 0, candidate.catchUpCount == 0, costs.steps.knows(rowCount: rowCount),
      candidate.backlog ?? 0 <= DraftModel.catchUpRowCountMaximum
    else { return }
    let draftCount = candidates.reduce(1) { $0 + $1.count }
    let passSeconds = costs.passSeconds(rowCount: candidate.backlog ?? 0)
    let plain = costs.steps.seconds(rowCount: rowCount)
    let share = cost(draftCount: draftCount) / Double(draftCount) + passSeconds / plain
    guard share <= candidate.credit else { return }
    let gain = 1 + 1 / Double(answerCount)
    guard candidate.backlog == nil || gain > Self.leastGain * (1 + share) else { return }
    candidates[index].count = 1
  }

  /// The time that this many drafts add to the target's step, in units of a step without drafts.
  package func cost(draftCount: Int) -> Double {
    costs.steps.seconds(rowCount: rowCount + draftCount) / costs.steps.seconds(rowCount: rowCount) - 1
  }

  /// The time of the draft model for the chosen drafts, in units of a step without drafts.
  package mutating func modelCost() -> Double {
    for depth in passRows.indices {
      passRows[depth] = candidates.reduce(0) { $0 + $1.passRowCount(depth: depth) }
    }
    return modelSeconds / costs.steps.seconds(rowCount: rowCount)
  }

  /// Records the time of a step of this many rows.
  package mutating func observe(rowCount: Int, seconds: Double) {
    costs.steps.observe(rowCount: rowCount, seconds: seconds)
  }

  /// Records the time of a pass of the draft model with this many rows.
  package mutating func observePass(rowCount: Int, seconds: Double) {
    costs.observePass(rowCount: rowCount, seconds: seconds)
  }

  private var modelSeconds: Double { passRows.reduce(0) { $0 + costs.passSeconds(rowCount: $1) } }

  /// Ranks the drafts, and returns how many of them give the most expected tokens per second, and that rate.
  ///
  /// - Parameter assumesReady: whether texts that the draft model has yet to compute count as computed; otherwise they get
  ///   no drafts
  mutating func best(assumesReady: Bool) -> (draftCount: Int, rate: Double) {
    rankDrafts(assumesReady: assumesReady)
    var tokens = Double(answerCount)
    let plainRate = tokens / costs.steps.seconds(rowCount: rowCount)
    var (bestRate, bestCount) = (plainRate * Self.leastGain, 0)
    for (index, draft) in order.enumerated() {
      tokens += draft.value
      let rate = tokens / (costs.steps.seconds(rowCount: rowCount + index + 1) + draft.modelSeconds)
      if rate > bestRate { (bestRate, bestCount) = (rate, index + 1) }
    }
    return (bestCount, bestCount == 0 ? plainRate : bestRate)
  }

  /// Fills `order` with the drafts that the requests' credits allow.
  private mutating func rankDrafts(assumesReady: Bool) {
    order.removeAll(keepingCapacity: true)
    for index in candidates.indices {
      candidates[index].count = 0
      candidates[index].value = candidates[index].acceptance
      candidates[index].isExhausted = !assumesReady && candidates[index].isUnready
    }
    for depth in passRows.indices { passRows[depth] = 0 }
    // A step that computes part of a prompt has more rows than are learned from, and drafts are a small part of it.
    let trusted = max(costs.steps.trustedRowCount, rowCount > StepCosts.rowCountMaximum ? .max : 0)
    let most = min(Self.stepDraftCountMaximum, trusted - rowCount)
    let plain = costs.steps.seconds(rowCount: rowCount)
    var modelDraftCount = 0
    while order.count < most, let index = mostValuable() {
      let depth = candidates[index].count
      let rows = candidates[index].nextPassRowCount
      passRows[depth] += rows
      let draftCount = order.count + 1
      let total = modelSeconds
      let isModels = candidates[index].backlog != nil
      // Each draft carries an equal share of the cost.
      let modelShare = isModels ? total / plain / Double(modelDraftCount + 1) : 0
      let share = cost(draftCount: draftCount) / Double(draftCount) + modelShare
      if share * Double(candidates[index].count + 1) > candidates[index].credit {
        passRows[depth] -= rows
        candidates[index].isExhausted = true
        continue
      }
      modelDraftCount += isModels ? 1 : 0
      order.append((index, candidates[index].value, total))
      candidates[index].count += 1
      candidates[index].value *= candidates[index].acceptance
    }
  }

  private func mostValuable() -> Int? {
    var best: Int?
    for index in candidates.indices
    where !candidates[index].isExhausted && candidates[index].count < candidates[index].limit {
      if candidates[index].value > best.map({ candidates[$0].value }) ?? 0 { best = index }
    }
    return best
  }
}
