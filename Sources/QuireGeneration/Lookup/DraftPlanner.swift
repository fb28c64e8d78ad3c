/// Chooses how many drafts each request of a step gets: those that give the most tokens per second.
///
///     planner.begin(rowCount: 3, answerCount: 3)  // the step as it is planned without drafts
///     planner.add(workIndex: 0, limit: 8, confidence: 2, record: record)
///     planner.choose()
///     planner.candidates[0].count                 // drafts for work 0
///
/// A draft only counts when all before it came true, so the next draft of a request is worth the product of
/// their probabilities. Taking the most valuable draft of any request each time gives the best set of every
/// size; the size is then chosen by expected tokens over expected seconds. All sizes are looked at, for the
/// cost of rows has steps: where a fifth row costs much, a sixth may be free.
package struct DraftPlanner: Sendable {
  /// Drafts per request and step.
  package static let draftCountMaximum = 8
  /// Drafts per step.
  package static let stepDraftCountMaximum = 32
  /// Expected tokens per second must rise by this factor at least for drafts to be tried.
  private static let leastGain = 1.02

  /// A request of the step that has drafts at hand.
  package struct Candidate: Sendable {
    package let workIndex: Int
    /// Drafts it can have.
    package fileprivate(set) var limit: Int
    package let confidence: Int
    /// Probability of each draft, given those before it.
    fileprivate let acceptance: Double
    /// Plain steps that may be risked.
    fileprivate let credit: Double
    /// Drafts it gets.
    package fileprivate(set) var count = 0
    /// Probability that its next draft counts.
    fileprivate var value: Double
  }

  private let mode: LookupMode
  package private(set) var candidates: [Candidate] = []
  /// Drafts, most valuable first: their candidate, and the probability that they count.
  private var order: [(index: Int, value: Double)] = []
  private var rowCount = 1
  package private(set) var answerCount = 1
  private var costs = StepCosts()

  /// `requestCountMaximum` requests get drafts in a step without an allocation.
  package init(mode: LookupMode, requestCountMaximum: Int = 16) {
    self.mode = mode
    candidates.reserveCapacity(requestCountMaximum)
    order.reserveCapacity(Self.stepDraftCountMaximum)
  }

  /// Starts a step that without drafts computes `rowCount` rows and gives `answerCount` requests a token.
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
        workIndex: workIndex, limit: min(limit, Self.draftCountMaximum), confidence: confidence,
        acceptance: acceptance, credit: record.credit, value: acceptance))
  }

  /// Decides the counts of all candidates.
  package mutating func choose() {
    if mode == .eager {
      for index in candidates.indices { candidates[index].count = candidates[index].limit }
      return
    }
    // The first steps go without, to have something to compare with.
    guard costs.knows(rowCount: rowCount) else { return }
    rankDrafts()
    for index in candidates.indices { candidates[index].count = 0 }
    for draft in order.prefix(bestDraftCount()) { candidates[draft.index].count += 1 }
  }

  /// Gives one draft to a candidate that got none, if it can afford it.
  package mutating func probe(_ index: Int) {
    precondition(candidates[index].count == 0)
    guard costs.knows(rowCount: rowCount) else { return }
    let draftCount = candidates.reduce(1) { $0 + $1.count }
    if cost(draftCount: draftCount) / Double(draftCount) <= candidates[index].credit {
      candidates[index].count = 1
    }
  }

  /// What this many drafts add to the time of the step, in steps without drafts.
  package func cost(draftCount: Int) -> Double {
    costs.seconds(rowCount: rowCount + draftCount) / costs.seconds(rowCount: rowCount) - 1
  }

  /// Takes in the time that a step of this many rows took.
  package mutating func observe(rowCount: Int, seconds: Double) {
    costs.observe(rowCount: rowCount, seconds: seconds)
  }

  /// Fills `order` with the drafts that their requests can afford.
  private mutating func rankDrafts() {
    order.removeAll(keepingCapacity: true)
    // A step with a prompt under way is larger than any that teaches, and a few rows are a small part of it.
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

  /// How many of the ranked drafts give the most expected tokens per second.
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
