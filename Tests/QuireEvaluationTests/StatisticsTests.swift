import QuireEvaluation
import Testing

/// Expected values were computed with NumPy in float64 (`np.var(ddof=1)`, `np.quantile`) and with exact integers.
@Suite struct StatisticsTests {
  private let values = [3.5, -1.25, 0.0, 8.75, 2.5, 2.5, -4.0]

  private func isClose(_ left: Double?, _ right: Double, within bound: Double = 1e-12) -> Bool {
    left.map { abs($0 - right) <= bound * max(1, abs(right)) } ?? false
  }

  @Test func momentsAgreeWithNumPy() {
    #expect(isClose(Moments.mean(values), 1.7142857142857142))
    #expect(isClose(Moments.variance(values), 16.383928571428573))
    #expect(Moments.variance([1.0]) == nil)
    let expected = [(0, -4.0), (0.1, -2.35), (0.5, 2.5), (0.99, 8.435), (1, 8.75)]
    for (share, quantile) in expected { #expect(isClose(Moments.quantile(values, share), quantile)) }
    #expect(Moments.median([1.0, 9.0]) == 5)
  }

  @Test func estimatesCarryTheirErrors() {
    let mean = Estimate(meanOf: values)
    #expect(isClose(mean.standardError, 1.5298892850431354))
    let median = Estimate(medianOf: values)
    #expect(median.value == 2.5)
    #expect(isClose(median.standardError, 1.9174318694720645))
    #expect(Estimate(meanOf: [7.0]) == Estimate(value: 7, standardError: nil))
    let accuracy = Estimate(meanOf: [1.0, 1, 0, 1, 0, 1, 1])
    #expect(isClose(accuracy.standardError, 0.18442777839082938))
  }

  @Test func noiseIsTwoStandardErrors() {
    let estimate = Estimate(value: 10, standardError: 1.5)
    #expect(estimate.isWithinNoise(of: 13))
    #expect(!estimate.isWithinNoise(of: 13.01))
    #expect(!Estimate(value: 10, standardError: nil).isWithinNoise(of: 10))
    #expect(!estimate.isWithinNoise(of: Estimate(value: 10, standardError: nil)))
    // √(3² + 4²) = 5.
    #expect(Estimate(value: 0, standardError: 3).isWithinNoise(of: Estimate(value: 10, standardError: 4)))
    #expect(!Estimate(value: 0, standardError: 3).isWithinNoise(of: Estimate(value: 10.1, standardError: 4)))
    #expect(Estimate(value: 0, standardError: 0).isWithinNoise(of: 0))
    #expect(!Estimate(value: 0.1, standardError: 0).isWithinNoise(of: 0))
  }

  @Test func errorsAreTakenBetweenDocuments() {
    var mean = ClusteredMean(documentCount: 5)
    let documents = [[1.5, -0.5, 2.0], [0.25], [3.0, 1.0, -1.0, 0.5], [2.25, 2.75]]
    for (index, values) in documents.enumerated() {
      for value in values { mean.add(value, document: index) }
    }
    #expect(mean.count == 10)
    #expect(isClose(mean.estimate.value, 1.175))
    #expect(isClose(mean.estimate.standardError, 0.35765439556458223))
  }

  @Test func oneValueADocumentGivesTheUsualError() {
    var mean = ClusteredMean(documentCount: values.count)
    for (index, value) in values.enumerated() { mean.add(value, document: index) }
    let plain = Estimate(meanOf: values)
    #expect(isClose(mean.estimate.value, plain.value))
    #expect(isClose(mean.estimate.standardError, plain.standardError ?? .nan))
    var single = ClusteredMean(documentCount: 1)
    single.add(2, document: 0)
    single.add(4, document: 0)
    #expect(single.estimate == Estimate(value: 3, standardError: nil))
  }

  @Test(arguments: [
    (0, 0, 1.0), (1, 0, 1.0), (5, 1, 0.21875), (12, 8, 0.5034446716308594), (30, 10, 0.0022214337732293643),
    (0, 9, 0.00390625), (1000, 1100, 0.030720707864242296),
  ])
  func flipsAreTestedExactly(rightToWrong: Int, wrongToRight: Int, probability: Double) {
    let flips = AnswerFlips(problemCount: 3000, rightToWrong: rightToWrong, wrongToRight: wrongToRight)
    #expect(isClose(flips.probability, probability, within: 1e-9))
    let mirrored = AnswerFlips(problemCount: 3000, rightToWrong: wrongToRight, wrongToRight: rightToWrong)
    #expect(mirrored.probability == flips.probability)
  }

  @Test func flipsAreCountedProblemByProblem() {
    let flips = AnswerFlips(
      reference: [true, true, false, false, true], row: [false, true, true, false, false])
    #expect(flips == AnswerFlips(problemCount: 5, rightToWrong: 2, wrongToRight: 1))
  }

  @Test func accuracyChangeIsPaired() {
    let change = AnswerFlips(problemCount: 200, rightToWrong: 12, wrongToRight: 5).accuracyChange
    #expect(isClose(change.value, -0.035))
    #expect(isClose(change.standardError, 0.02046643593789597))
    #expect(change.isWithinNoise(of: 0))
    let none = AnswerFlips(problemCount: 200, rightToWrong: 0, wrongToRight: 0).accuracyChange
    #expect(none == Estimate(value: 0, standardError: 1.0 / 202))
    let all = AnswerFlips(problemCount: 3, rightToWrong: 3, wrongToRight: 0).accuracyChange
    #expect(all.value == -1 && isClose(all.standardError, 0.2966479394838265))
  }

  /// Few answers do not tell a change from a limit, nor more than McNemar's test allows.
  @Test(arguments: [
    (3, 3, 0, -0.01, false), (5, 0, 0, -0.01, false), (200, 0, 0, -0.01, false), (810, 0, 0, -0.01, true),
    (1000, 40, 10, -0.01, true), (1000, 40, 10, -0.028, false), (1000, 1, 1, -0.01, true),
    (4, 4, 0, 0.0, false),
    (5, 5, 0, -0.01, false), (20, 20, 0, -0.01, true), (100, 0, 0, 0.0, false), (9, 9, 0, -1.0, false),
    (9, 0, 0, -1.0, true),
  ])
  func fewFlipsDecideLittle(_ count: Int, _ lost: Int, _ won: Int, _ limit: Double, _ isClear: Bool) {
    let flips = AnswerFlips(problemCount: count, rightToWrong: lost, wrongToRight: won)
    #expect(flips.isClear(of: limit) == isClear, "score \(flips.score(of: limit))")
    let mirrored = AnswerFlips(problemCount: count, rightToWrong: won, wrongToRight: lost)
    let (one, other) = (mirrored.score(of: -limit), -flips.score(of: limit))
    #expect(one == other || isClose(one, other))
  }

  @Test func chanceIsWhatMcNemarSays() {
    func isChance(_ lost: Int, _ won: Int) -> Bool {
      AnswerFlips(problemCount: 300, rightToWrong: lost, wrongToRight: won).isWithinChance
    }
    #expect(isChance(0, 0) && isChance(3, 0) && isChance(5, 0) && isChance(12, 5))
    #expect(!isChance(6, 0) && !isChance(30, 10))
  }
}
