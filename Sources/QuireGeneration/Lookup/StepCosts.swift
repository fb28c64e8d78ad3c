/// What a step costs by the number of its rows, learned from the steps themselves.
///
///     var costs = StepCosts()
///     costs.observe(rowCount: 1, seconds: 0.120)
///     costs.seconds(rowCount: 4)  // 0.131: not seen yet, so the shape of the curve is assumed
///
/// A few rows are nearly free, for reading the weights takes most of the time; beyond, each row adds. How much
/// depends on model, machine and context, so every count of rows keeps a running mean. Counts not seen lately are
/// filled in from those that were.
package struct StepCosts: Sendable {
  /// Larger steps are extrapolated.
  package static let rowCountMaximum = 64
  /// A mean that was not confirmed for this many steps is given up.
  private static let staleAfter = 512
  /// The newest observation weighs this much in its own mean, …
  private static let ownWeight = 0.1
  /// … and this much in all others: a machine that slows down does so for every count of rows.
  private static let sharedWeight = 0.05
  /// A single observation counts as no further than this factor from the mean: a step that was interrupted by
  /// something else says little about the next one.
  private static let ownRatios = 0.75...1.33
  /// The first one has only assumptions to be compared with.
  private static let firstRatios = 0.5...2.0
  /// Observations until there is a mean to trust; their median begins it.
  private static let settledCount = 3

  /// The running mean of one count of rows.
  private struct Mean {
    var observationCount = 0
    var lastObserved = 0
    /// The first two observations, the smaller one first.
    var early = (low: 0.0, high: 0.0)
  }

  private var means = [Mean](repeating: Mean(), count: Self.rowCountMaximum)
  private var seconds = (1...Self.rowCountMaximum).map(Self.assumedShape)
  private var stepCount = 0

  package init() {}

  /// Cost relative to one row before anything is known: 3% a row up to four, 11% from there.
  static func assumedShape(_ rowCount: Int) -> Double {
    1 + 0.03 * Double(min(rowCount, 4) - 1) + 0.11 * Double(max(rowCount - 4, 0))
  }

  /// The expected seconds of a step. Only ratios mean anything before the first observation.
  package func seconds(rowCount: Int) -> Double {
    precondition(rowCount >= 1)
    let last = seconds.count
    if rowCount <= last { return seconds[rowCount - 1] }
    let slope = (seconds[last - 1] - seconds[last / 2 - 1]) / Double(last - last / 2)
    return seconds[last - 1] + max(0, slope) * Double(rowCount - last)
  }

  /// Whether steps of this many rows, or fewer, were seen often enough lately. Only then can the time of larger
  /// ones be compared with theirs.
  package func knows(rowCount: Int) -> Bool {
    means.prefix(rowCount).reduce(0) { $0 + $1.observationCount } >= Self.settledCount
  }

  /// Steps of up to this many rows may be tried: twice what was seen lately. What lies further off may turn out
  /// to cost much more than assumed.
  package var trustedRowCount: Int {
    guard let last = means.lastIndex(where: { $0.observationCount > 0 }) else { return 1 }
    return last + 1 == Self.rowCountMaximum ? Int.max : 2 * (last + 1)
  }

  /// Takes in a step; larger ones than `rowCountMaximum` teach nothing.
  package mutating func observe(rowCount: Int, seconds observed: Double) {
    guard (1...Self.rowCountMaximum).contains(rowCount), observed > 0 else { return }
    stepCount += 1
    let index = rowCount - 1
    means[index].observationCount += 1
    means[index].lastObserved = stepCount
    let count = means[index].observationCount
    if stepCount == 1 {
      scale(by: observed / seconds[index])
      means[index].early = (observed, observed)
    } else if count <= Self.settledCount {
      settle(index, count: count, observed: observed)
    } else {
      let ratio = Self.clamp(observed / seconds[index], to: Self.ownRatios)
      let own = seconds[index] * (1 + Self.ownWeight * (ratio - 1))
      scale(by: 1 + Self.sharedWeight * (ratio - 1))
      seconds[index] = own
    }
    forgetStale()
    fillGaps()
  }

  /// The first three observations of a count: the first, the smaller of two, the median of three.
  private mutating func settle(_ index: Int, count: Int, observed: Double) {
    let early = means[index].early
    switch count {
    case 1:
      seconds[index] *= Self.clamp(observed / seconds[index], to: Self.firstRatios)
      means[index].early = (observed, observed)
    case 2:
      means[index].early = (min(early.low, observed), max(early.high, observed))
      seconds[index] = means[index].early.low
    default:
      seconds[index] = Self.clamp(observed, to: early.low...early.high)
    }
  }

  private mutating func scale(by factor: Double) {
    for index in seconds.indices { seconds[index] *= factor }
  }

  private static func clamp(_ value: Double, to range: ClosedRange<Double>) -> Double {
    min(max(value, range.lowerBound), range.upperBound)
  }

  private mutating func forgetStale() {
    for index in means.indices where stepCount - means[index].lastObserved > Self.staleAfter {
      means[index].observationCount = 0
    }
  }

  /// Gives counts without a mean of their own a value between, below or above those that have one.
  private mutating func fillGaps() {
    var previous: Int?
    for index in seconds.indices where means[index].observationCount > 0 {
      if let previous {
        let slope = (seconds[index] - seconds[previous]) / Double(index - previous)
        for between in previous + 1..<index {
          seconds[between] = seconds[previous] + slope * Double(between - previous)
        }
      } else {
        for below in 0..<index { seconds[below] = seconds[index] * Self.shape(below, relativeTo: index) }
      }
      previous = index
    }
    if let previous { extrapolate(above: previous) }
  }

  /// Beyond the largest count that was seen, rows cost what the assumed curve or the last measured slope
  /// says, whichever is more.
  private mutating func extrapolate(above last: Int) {
    let before = means[..<last].lastIndex { $0.observationCount > 0 }
    let slope = before.map { (seconds[last] - seconds[$0]) / Double(last - $0) } ?? 0
    for above in last + 1..<seconds.count {
      let assumed = seconds[last] * Self.shape(above, relativeTo: last)
      seconds[above] = max(assumed, seconds[last] + slope * Double(above - last))
    }
  }

  private static func shape(_ index: Int, relativeTo other: Int) -> Double {
    assumedShape(index + 1) / assumedShape(other + 1)
  }
}
