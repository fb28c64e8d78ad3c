/// The time of a step by its number of rows, learned from measured steps.
///
///     var costs = StepCosts()
///     costs.observe(rowCount: 1, seconds: 0.120)
///     costs.seconds(rowCount: 4)  // 0.131: not measured yet, so the shape of the curve is assumed
///
/// A few rows cost little more than one, because reading the weights takes most of the time; beyond that each row
/// adds time. How much depends on model, machine and context, so each count of rows has a running mean. Counts that
/// were not measured lately are estimated from the others. Above the largest one, steps that compute prompts say how long a
/// row takes to multiply: so many rows cost nearly nothing until that takes longer than reading the weights.
///
/// The speed of memory on a shared machine changes by half within seconds, which is far more than a row costs. So most
/// of what a step took longer than expected is taken for a change of the machine, and applies to all counts.
package struct StepCosts: Sendable {
  /// Larger steps are extrapolated.
  package static let rowCountMaximum = 64
  /// A mean that was not updated for this many steps is dropped.
  private static let staleAfter = 512
  /// The same for one of too few observations, twice as many each time: an interrupted step would otherwise make its
  /// count of rows look slow, so that it is not tried again.
  private static let unsettledStaleAfter = 64
  /// Weight of the newest observation in all means.
  private static let sharedWeight = 0.4
  /// Its further weight in the mean of its own count of rows.
  private static let ownWeight = 0.05
  /// Observations are clamped to this factor around the mean: an interrupted step says little about the next one.
  private static let ownRatios = 0.75...1.33
  /// The same for the first observation, which can only be compared with assumed values.
  private static let firstRatios = 0.5...2.0
  /// Weight of the newest prompt step in the time of a row to multiply, and the range around it that counts.
  private static let largeStepWeight = 0.2
  private static let largeStepRatios = 0.5...2.0
  /// What a row costs while reading takes longer, as a share of the step.
  private static let sharePerRow = 0.01
  /// What few rows take longer to multiply, each, than those of a prompt.
  private static let fewRowsFactor = 1.25
  /// Number of observations before a mean is trusted; it starts with their median.
  private static let settledCount = 3

  /// The running mean of one count of rows.
  private struct Mean {
    var observationCount = 0
    var lastObserved = 0
    /// How often it was dropped before it was settled.
    var dropCount = 0
    /// The first two observations, the smaller one first.
    var early = (low: 0.0, high: 0.0)

    var isSettled: Bool { observationCount >= settledCount }
    /// Steps without an observation after which it is dropped.
    var staleAfter: Int {
      isSettled ? StepCosts.staleAfter : min(unsettledStaleAfter << dropCount, StepCosts.staleAfter)
    }

    mutating func drop() {
      dropCount = isSettled ? 0 : min(dropCount + 1, 8)
      observationCount = 0
    }
  }

  private var means = [Mean](repeating: Mean(), count: Self.rowCountMaximum)
  private var seconds = (1...Self.rowCountMaximum).map(Self.assumedShape)
  private var stepCount = 0
  /// Seconds of a row in steps with more rows than have means of their own; nil before one.
  private var largeStepRowSeconds: Double?

  package init() {}

  /// Whether nothing was observed, so that only ratios are meaningful.
  package var isEmpty: Bool { stepCount == 0 }

  /// The seconds that a row adds to a large step.
  package var secondsPerRow: Double {
    (seconds[seconds.count - 1] - seconds[seconds.count / 2 - 1]) / Double(seconds.count / 2)
  }

  /// Assumed cost relative to one row where no large step was measured: 3% per row up to four rows, 11% per row above.
  static func assumedShape(_ rowCount: Int) -> Double {
    1 + 0.03 * Double(min(rowCount, 4) - 1) + 0.11 * Double(max(rowCount - 4, 0))
  }

  /// The expected seconds of a step. Before the first observation only ratios are meaningful.
  package func seconds(rowCount: Int) -> Double {
    precondition(rowCount >= 1)
    let last = seconds.count
    if rowCount <= last { return seconds[rowCount - 1] }
    return seconds[last - 1] + max(0, secondsPerRow) * Double(rowCount - last)
  }

  /// Whether steps of this many rows or fewer were measured often enough lately. Only then can the time of larger
  /// steps be compared with theirs.
  package func knows(rowCount: Int) -> Bool {
    means.prefix(rowCount).reduce(0) { $0 + $1.observationCount } >= Self.settledCount
  }

  /// Maximum rows of a step that may be tried: twice the rows that were measured lately. Larger steps may cost much
  /// more than assumed.
  package var trustedRowCount: Int {
    guard let last = means.lastIndex(where: { $0.observationCount > 0 }) else { return 1 }
    return last + 1 == Self.rowCountMaximum ? Int.max : 2 * (last + 1)
  }

  /// Records the time of a step.
  package mutating func observe(rowCount: Int, seconds observed: Double) {
    guard rowCount > 0, observed > 0 else { return }
    if rowCount > Self.rowCountMaximum { return observeLarge(observed / Double(rowCount)) }
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
      scale(by: 1 + Self.sharedWeight * (ratio - 1))
      seconds[index] *= 1 + Self.ownWeight * (ratio - 1)
    }
    forgetStale()
    // More rows never take less time: a mean that says so is from a slower time, such as the first steps, and would not be
    // measured again while drafts look free.
    for fewer in 0..<index { seconds[fewer] = min(seconds[fewer], seconds[index]) }
    fillGaps()
  }

  private mutating func observeLarge(_ rowSeconds: Double) {
    let expected = largeStepRowSeconds ?? rowSeconds
    let ratio = Self.clamp(rowSeconds / expected, to: Self.largeStepRatios)
    largeStepRowSeconds = expected * (1 + Self.largeStepWeight * (ratio - 1))
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
    for index in seconds.indices {
      seconds[index] *= factor
      means[index].early.low *= factor
      means[index].early.high *= factor
    }
  }

  private static func clamp(_ value: Double, to range: ClosedRange<Double>) -> Double {
    min(max(value, range.lowerBound), range.upperBound)
  }

  private mutating func forgetStale() {
    for index in means.indices
    where means[index].observationCount > 0 && stepCount - means[index].lastObserved > means[index].staleAfter
    {
      means[index].drop()
    }
  }

  /// Estimates counts without a mean by interpolation or extrapolation from those that have one.
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

  /// Above the largest measured count, the cost follows what is known of multiplying or else the assumed curve, or the last
  /// measured slope, whichever is higher.
  private mutating func extrapolate(above last: Int) {
    let before = means[..<last].lastIndex { $0.observationCount > 0 }
    let slope = before.map { (seconds[last] - seconds[$0]) / Double(last - $0) } ?? 0
    for above in last + 1..<seconds.count {
      let expected =
        largeStepRowSeconds.map {
          max(
            seconds[last] * (1 + Self.sharePerRow * Double(above - last)),
            Self.fewRowsFactor * $0 * Double(above + 1))
        } ?? seconds[last] * Self.shape(above, relativeTo: last)
      seconds[above] = max(expected, seconds[last] + slope * Double(above - last))
    }
  }

  private static func shape(_ index: Int, relativeTo other: Int) -> Double {
    assumedShape(index + 1) / assumedShape(other + 1)
  }
}
