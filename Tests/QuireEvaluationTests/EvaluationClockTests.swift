import QuireEvaluation
import Testing

/// The time left of an evaluation, at given instants.
@Suite struct EvaluationClockTests {
  private let start = ContinuousClock.now
  private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

  private func isNear(_ value: Double?, _ expected: Double) -> Bool {
    value.map { abs($0 - expected) < 1e-6 } ?? false
  }

  /// A reference, measured in 4 seconds, and two steps of a recipe.
  private func clock() -> EvaluationClock {
    var clock = EvaluationClock(converts: [false, true, true], now: at(0))
    clock.enter(.predicting, done: 0, now: at(0))
    #expect(clock.secondsLeft(done: 1, total: 2, isLast: true, now: at(2)) == nil)
    clock.finishRow(now: at(4))
    return clock
  }

  @Test func conversionsAreCounted() {
    var clock = clock()
    clock.enter(.converting, done: 0, now: at(4))
    // Half of this conversion took 10 seconds; then 4 seconds of this row, and 24 of the next.
    #expect(isNear(clock.secondsLeft(done: 5, total: 10, isLast: false, now: at(14)), 10 + 4 + 24))
    clock.enter(.predicting, done: 0, now: at(24))
    #expect(isNear(clock.secondsLeft(done: 1, total: 4, isLast: true, now: at(25)), 3 + 24))
    clock.finishRow(now: at(28))
    clock.enter(.converting, done: 0, now: at(28))
    #expect(isNear(clock.secondsLeft(done: 5, total: 10, isLast: false, now: at(40)), 12 + 4))
  }

  @Test func theLastStageEndsWithoutARest() {
    var clock = EvaluationClock(converts: [false, false], now: at(0))
    clock.finishRow(now: at(7))
    clock.enter(.predicting, done: 0, now: at(7))
    #expect(isNear(clock.secondsLeft(done: 9, total: 10, isLast: true, now: at(7.9)), 0.1))
    #expect(clock.secondsLeft(done: 10, total: 10, isLast: true, now: at(8)) == 0)
  }

  /// A short text is reported only when it is done.
  @Test func aLastStageInOneStepEndsWithoutARest() {
    var clock = EvaluationClock(converts: [false, false], now: at(0))
    clock.finishRow(now: at(7))
    clock.enter(.predicting, done: 10, now: at(7))
    #expect(clock.secondsLeft(done: 10, total: 10, isLast: true, now: at(7)) == 0)
  }

  @Test func theStageThatIsSlowerThanTheRowsBeforeCounts() {
    var clock = EvaluationClock(converts: [false, false], now: at(0))
    clock.finishRow(now: at(1))
    // It resumes at 20, so that only ten are its own.
    clock.enter(.answering(.thinking), done: 20, now: at(1))
    #expect(isNear(clock.secondsLeft(done: 30, total: 40, isLast: false, now: at(11)), 10))
  }
}
