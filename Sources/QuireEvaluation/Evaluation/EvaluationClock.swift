/// Predicts when all rows are measured, from the rows that are and from the stage that is under way.
///
///     clock.enter(.predicting, done: 0)
///     clock.secondsLeft(done: 20, total: 100, isLast: true)
///
/// Conversions are counted apart from measurements: only rows of recipes' steps have them.
package struct EvaluationClock {
  package typealias Instant = ContinuousClock.Instant

  /// By row, whether its model is converted first.
  private let converts: [Bool]
  private var rowsDone = 0
  private var rowStart: Instant
  private var stageStart: Instant
  private var stage: EvaluationProgress.Stage?
  /// What the stage had done when it began: more than 0 where it resumes.
  private var doneBefore = 0
  /// Seconds of the finished rows' measurements, and of each of their conversions.
  private var measuring = 0.0
  private var conversions: [Double] = []
  /// Seconds of the present row's conversion.
  private var ownConversion = 0.0

  package init(converts: [Bool], now: Instant = .now) {
    self.converts = converts
    (rowStart, stageStart) = (now, now)
  }

  /// The present row is in this stage, of which so much is done.
  package mutating func enter(_ stage: EvaluationProgress.Stage, done: Int, now: Instant = .now) {
    guard stage != self.stage else { return }
    leaveStage(now)
    (self.stage, stageStart, doneBefore) = (stage, now, done)
  }

  private mutating func leaveStage(_ now: Instant) {
    if stage == .converting { ownConversion += (now - stageStart).seconds }
    stage = nil
  }

  package mutating func finishRow(now: Instant = .now) {
    leaveStage(now)
    measuring += (now - rowStart).seconds - ownConversion
    if converts.indices.contains(rowsDone), converts[rowsDone] { conversions.append(ownConversion) }
    (rowsDone, rowStart, ownConversion) = (rowsDone + 1, now, 0)
  }

  /// At least what the present stage needs at its own rate, and 0 at the end of the last one; nil before the first row is
  /// finished.
  ///
  /// - Parameters:
  ///   - done: of the present stage's `total`
  ///   - isLast: whether the row ends with this stage
  package func secondsLeft(done: Int, total: Int, isLast: Bool, now: Instant = .now) -> Double? {
    guard rowsDone > 0 else { return nil }
    let perRow = measuring / Double(rowsDone)
    let later = converts.dropFirst(rowsDone + 1)
    let stageSeconds = (now - stageStart).seconds
    let isRated = done > doneBefore
    let stageLeft = isRated ? stageSeconds / Double(done - doneBefore) * Double(max(0, total - done)) : 0
    var (own, conversion) = (0.0, ownConversion)
    if stage == .converting {
      conversion += stageSeconds + stageLeft
      own = stageLeft + perRow
    } else if isLast, isRated || total > 0 && done >= total {
      own = stageLeft
    } else {
      own = max(perRow - ((now - rowStart).seconds - ownConversion), stageLeft)
    }
    let known = conversions + (conversion > 0 ? [conversion] : [])
    let perConversion = known.isEmpty ? 0 : known.reduce(0, +) / Double(known.count)
    return own + perRow * Double(later.count) + perConversion * Double(later.count { $0 })
  }
}
