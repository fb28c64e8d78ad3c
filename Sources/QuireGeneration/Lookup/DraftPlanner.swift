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
package struct DraftPlanner: Sendable {
  /// Drafts per request and step.
  package static let draftCountMaximum = 8
  /// Drafts per step.
  package static let stepDraftCountMaximum = 32
  /// Drafts are used only if they raise the expected tokens per second by at least this factor.
  private static let leastGain = 1.02

  /// A request of the step with proposed drafts.
  package struct Candidate: Sendable {
    package let workIndex: Int
    /// Maximum number of drafts.
    package fileprivate(set) var limit: Int
    /// Whether it can have any.
    fileprivate let isPossible: Bool
    package let confidence: Int
    /// Probability of each draft, given those before it.
    fileprivate let acceptance: Double
    /// Credit that may be spent, in steps without drafts.
    fileprivate let credit: Double
    /// Number of drafts it gets.
    package fileprivate(set) var count = 0
    /// Probability that its next draft is accepted.
    fileprivate var value: Double
  }

  private let mode: LookupMode
  package private(set) var candidates: [Candidate] = []
  /// Drafts, most valuable first: their candidate, and the probability that they are accepted.
  private var order: [(index: Int, value: Double)] = []
  private var rowCount = 1
  package private(set) var answerCount = 1
  private var costs = StepCosts()

  /// Up to `requestCountMaximum` requests get drafts in a step without an allocation.
  package init(mode: LookupMode, requestCountMaximum: Int = 16) {
    self.mode = mode
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
  package mutating func add(workIndex: Int, limit: Int, confidence: Int, record: DraftRecord) {
    let acceptance = record.acceptance(confidence: confidence)
    candidates.append(
      Candidate(
        workIndex: workIndex, limit: min(limit, Self.draftCountMaximum), isPossible: limit > 0,
        confidence: confidence,
        acceptance: acceptance, credit: record.credit, value: acceptance))
  }

  /// Decides the counts of all candidates.
  package mutating func choose() {
    if mode == .eager {
      for index in candidates.indices { candidates[index].count = candidates[index].limit }
      return
    }
    // The first steps have no drafts, to measure times to compare with.
    guard costs.knows(rowCount: rowCount) else { return }
    rankDrafts()
    for index in candidates.indices { candidates[index].count = 0 }
    for draft in order.prefix(bestDraftCount()) { candidates[draft.index].count += 1 }
  }

  /// Gives one draft to a candidate that got none, if its credit allows it.
  package mutating func probe(_ index: Int) {
    precondition(candidates[index].count == 0)
    guard candidates[index].isPossible, costs.knows(rowCount: rowCount) else { return }
    let draftCount = candidates.reduce(1) { $0 + $1.count }
    if cost(draftCount: draftCount) / Double(draftCount) <= candidates[index].credit {
      candidates[index].count = 1
    }
  }

  /// The time that this many drafts add to the step, in units of a step without drafts.
  package func cost(draftCount: Int) -> Double {
    costs.seconds(rowCount: rowCount + draftCount) / costs.seconds(rowCount: rowCount) - 1
  }

  /// Records the time of a step of this many rows.
  package mutating func observe(rowCount: Int, seconds: Double) {
    costs.observe(rowCount: rowCount, seconds: seconds)
  }

  /// Fills `order` with the drafts that the requests' credits allow.
  private mutating func rankDrafts() {
    order.removeAll(keepingCapacity: true)
    // A step that computes part of a prompt has more rows than are learned from, and drafts are a small part of it.
    let spareRows = max(costs.trustedRowCount, rowCount > StepCosts.rowCountMaximum ? .max : 0) - rowCount
    let most = min(Self.stepDraftCountMaximum, spareRows)
    while order.count < most, let index = mostValuable() {
      let draftCount = order.count + 1
      // Each draft carries an equal share of the cost.
      let share = cost(draftCount: draftCount) / Double(draftCount)
      if share * Double(candidates[index].count + 1) > candidates[index].credit {
        candidates[index].limit = candidates[index].count
        continue
      }
      order.append((index, candidates[index].value))
      candidates[index].count += 1
      candidates[index].value *= candidates[index].acceptance
    }
  }

  private func mostValuable() -> Int? {
    var best: Int?
    for index in candidates.indices where candidates[index].count < candidates[index].limit {
      if candidates[index].value > best.map({ candidates[$0].value }) ?? 0 { best = index }
    }
    return best
  }

  /// The number of ranked drafts with the most expected tokens per second.
  private func bestDraftCount() -> Int {
    var tokens = Double(answerCount)
    let plainRate = tokens / costs.seconds(rowCount: rowCount)
    var bestRate = plainRate * Self.leastGain
    var bestCount = 0
    for (index, draft) in order.enumerated() {
      tokens += draft.value
      let rate = tokens / costs.seconds(rowCount: rowCount + index + 1)
      if rate > bestRate { (bestRate, bestCount) = (rate, index + 1) }
    }
    return bestCount
  }
}
