/// What drafts cost: the time that their rows add to the target's step, and the passes of the draft model.
package struct DraftCosts: Sendable {
  /// Steps of the target.
  package var steps = StepCosts()
  /// Passes of the draft model.
  private var passes = StepCosts()
  /// The expected time of a pass, relative to a step, until one is measured.
  private let assumedShare: Double

  package init(assumedShare: Double) { self.assumedShare = assumedShare }

  /// Records the time of one pass of the draft model.
  package mutating func observePass(rowCount: Int, seconds: Double) {
    passes.observe(rowCount: rowCount, seconds: seconds)
  }

  /// The expected seconds of a pass of the draft model; 0 for none.
  package func passSeconds(rowCount: Int) -> Double {
    rowCount == 0 ? 0 : passScale * passes.seconds(rowCount: rowCount)
  }

  /// The seconds that the draft model needs for a known token among many.
  package var catchUpSeconds: Double { passScale * max(passes.secondsPerRow, 0) }

  /// The share of a step's time that it would have taken without its drafts, which are `draftCount` of its rows.
  package func plainShare(rowCount: Int, draftCount: Int) -> Double {
    guard draftCount > 0, rowCount > draftCount else { return 1 }
    return steps.seconds(rowCount: rowCount - draftCount) / steps.seconds(rowCount: rowCount)
  }

  private var passScale: Double {
    passes.isEmpty ? assumedShare * steps.seconds(rowCount: 1) / passes.seconds(rowCount: 1) : 1
  }

  /// The most expected tokens per step's time for a request by itself, over all numbers of drafts.
  ///
  /// - Parameters:
  ///   - rowCount: rows of the step without drafts
  ///   - passRowCount: rows of each pass of the draft model; 0 if the drafts cost no pass
  package func bestGain(acceptance: Double, rowCount: Int, passRowCount: Int) -> Double {
    var (best, tokens, value) = (1.0, 1.0, 1.0)
    for count in 1...DraftPlanner.draftCountMaximum {
      value *= acceptance
      tokens += value
      let seconds =
        steps.seconds(rowCount: rowCount + count) + Double(count) * passSeconds(rowCount: passRowCount)
      best = max(best, tokens * steps.seconds(rowCount: rowCount) / seconds)
    }
    return best
  }
}
