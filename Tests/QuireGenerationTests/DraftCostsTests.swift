import QuireGeneration
import Testing

/// What drafts cost, with times that are written down.
@Suite struct DraftCostsTests {
  /// A step without drafts takes 0.1 s, one with two drafts twice as long.
  private static let measured: DraftCosts = {
    var costs = DraftCosts(assumedShare: 0.1)
    for _ in 0..<3 {
      costs.steps.observe(rowCount: 1, seconds: 0.1)
      costs.steps.observe(rowCount: 3, seconds: 0.2)
    }
    return costs
  }()

  private func isNear(_ value: Double, _ expected: Double) -> Bool { abs(value - expected) < 1e-9 }

  @Test func aStepWithoutDraftsIsPlain() {
    for rowCount in [1, 3, 64, 1000] {
      #expect(Self.measured.plainShare(rowCount: rowCount, draftCount: 0) == 1)
      #expect(DraftCosts(assumedShare: 0).plainShare(rowCount: rowCount, draftCount: 0) == 1)
    }
  }

  @Test func measuredTimesAreCompared() {
    #expect(isNear(Self.measured.plainShare(rowCount: 3, draftCount: 2), 0.5))
    // Between measured rows the time is interpolated: 0.15 s for two.
    #expect(isNear(Self.measured.plainShare(rowCount: 3, draftCount: 1), 0.75))
    #expect(isNear(Self.measured.plainShare(rowCount: 2, draftCount: 1), 2.0 / 3))
  }

  /// Before any measurement, rows have assumed costs: 3% each up to four, 11% above.
  @Test func assumedTimesAreCompared() {
    let costs = DraftCosts(assumedShare: 0.1)
    #expect(isNear(costs.plainShare(rowCount: 4, draftCount: 3), 1 / 1.09))
    #expect(isNear(costs.plainShare(rowCount: 9, draftCount: 8), 1 / 1.64))
  }

  /// Beside a prompt, a few drafts are a small part of the time; a step is never all drafts.
  @Test func largeStepsAndOddCounts() {
    let costs = DraftCosts(assumedShare: 0.1)
    let share = costs.plainShare(rowCount: 500, draftCount: 8)
    #expect(share > 0.98 && share < 1)
    #expect(costs.plainShare(rowCount: 2, draftCount: 2) == 1)
    #expect(costs.plainShare(rowCount: 1, draftCount: 2) == 1)
  }
}
