/// Predicts when all rows are measured, from the rows that are.
struct EvaluationClock {
  private let start = ContinuousClock.now
  private let rowCount: Int
  private var rowsDone = 0
  private var rowsEnd = ContinuousClock.now

  init(rowCount: Int) { self.rowCount = rowCount }

  mutating func finishRow() {
    rowsDone += 1
    rowsEnd = ContinuousClock.now
  }

  /// Nil before the first row is finished.
  var secondsLeft: Double? {
    guard rowsDone > 0 else { return nil }
    let perRow = (rowsEnd - start).seconds / Double(rowsDone)
    let inRow = (ContinuousClock.now - rowsEnd).seconds
    return max(0, perRow - inRow) + perRow * Double(rowCount - rowsDone - 1)
  }
}
