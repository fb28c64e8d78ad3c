import QuireGeneration
import Testing

/// Chunks of prompts that keep steps short, with simulated step times.
@Suite struct PromptPacingTests {
  /// Simulated seconds of a step: read the weights once, compute each row, attend to the positions before it.
  private struct Machine {
    var weights = 0.060
    var row = 0.004
    var position = 2e-7

    func seconds(answers: Int, prompt: Int, at first: Int) -> Double {
      weights + row * Double(answers + prompt) + position
        * Double(prompt * (first + prompt / 2) + answers * 500)
    }
  }

  /// Runs decode steps, then a prompt. Returns the longest step relative to a decode step.
  private func longestStretch(
    _ machine: Machine, answers: Int, promptLength: Int, _ pacing: inout PromptPacing
  ) -> (stretch: Double, steps: Int) {
    let decode = machine.seconds(answers: answers, prompt: 0, at: 0)
    for _ in 0..<5 {
      pacing.observe(answerCount: answers, futureCount: answers, promptCount: 0, position: 0, seconds: decode)
    }
    var (position, steps, longest) = (0, 0, 0.0)
    while position < promptLength {
      let most = pacing.promptTokenCount(answerCount: answers, futureCount: answers, position: position)
      let count = min(most, 512, promptLength - position)
      let seconds = machine.seconds(answers: answers, prompt: count, at: position)
      pacing.observe(
        answerCount: answers, futureCount: answers, promptCount: count, position: position, seconds: seconds)
      // The first chunk is before any measurement.
      if steps > 0 { longest = max(longest, seconds / decode) }
      position += count
      steps += 1
    }
    return (longest, steps)
  }

  @Test(arguments: [1, 4, 16]) func aLongPromptStretchesNoStepBeyondThreeTimes(answers: Int) {
    var pacing = PromptPacing()
    let long = longestStretch(Machine(), answers: answers, promptLength: 30_000, &pacing)
    #expect(long.stretch < 3)
    #expect(long.stretch > 2, "shorter steps would make the prompt wait for nothing")
    // Then a prompt whose tokens take little time again, and a jump to a high position, as after a cached prefix.
    #expect(longestStretch(Machine(), answers: answers, promptLength: 2_000, &pacing).stretch < 3)
    let far = pacing.promptTokenCount(answerCount: answers, futureCount: answers, position: 30_000)
    let decode = Machine().seconds(answers: answers, prompt: 0, at: 0)
    #expect(Machine().seconds(answers: answers, prompt: far, at: 30_000) < 3 * decode)
  }

  /// 99 in a hundred steps take at most three times as long as a decode step, however much steps vary; where they vary
  /// little, prompts get most of what that allows.
  @Test(arguments: [(0.0, 2.6), (0.1, 2.2), (0.2, 1.8)])
  func variedStepsKeepTheirLimit(deviation: Double, least: Double) {
    var pacing = PromptPacing()
    let (random, draws) = (RandomStream(seed: 5), 12)
    // Attention is as large a part as in Qwen3-0.6B.
    let machine = Machine(weights: 0.030, row: 0.0005, position: 2e-6)
    let decode = machine.seconds(answers: 15, prompt: 0, at: 0)
    for _ in 0..<5 {
      pacing.observe(answerCount: 15, futureCount: 15, promptCount: 0, position: 0, seconds: decode)
    }
    var stretches: [Double] = []
    for _ in 0..<6 {
      var position = 0
      while position < 2_000 {
        let count = min(
          pacing.promptTokenCount(answerCount: 15, futureCount: 15, position: position), 512, 2_000 - position
        )
        // The sum of twelve uniform numbers is nearly normal, with variance one.
        let normal = (0..<draws).reduce(-6.0) {
          $0 + random.uniform(at: UInt64(stretches.count * draws + $1))
        }
        let planned = machine.seconds(answers: 15, prompt: count, at: position)
        let seconds = planned * max(0.7, 1 + deviation * normal)
        pacing.observe(
          answerCount: 15, futureCount: 15, promptCount: count, position: position, seconds: seconds)
        stretches.append(seconds / decode)
        position += count
      }
    }
    stretches.sort()
    #expect(stretches[stretches.count * 99 / 100] < 3)
    #expect(stretches[stretches.count / 2] > least)
  }

  @Test func aJumpToUnknownPositionsIsCareful() {
    var pacing = PromptPacing()
    let machine = Machine(position: 1e-6)
    _ = longestStretch(machine, answers: 4, promptLength: 1_000, &pacing)
    let count = pacing.promptTokenCount(answerCount: 4, futureCount: 4, position: 30_000)
    #expect(
      machine.seconds(answers: 4, prompt: count, at: 30_000) < 3
        * machine.seconds(answers: 4, prompt: 0, at: 0))
  }

  @Test func withNobodyToWaitThereIsNoLimit() {
    let pacing = PromptPacing()
    #expect(pacing.promptTokenCount(answerCount: 0, futureCount: 0, position: 0) == .max)
    #expect(pacing.promptTokenCount(answerCount: 3, futureCount: 3, position: 0) == PromptPacing.countMinimum)
  }

  @Test func promptsAlwaysMoveOn() {
    var pacing = PromptPacing()
    pacing.observe(answerCount: 1, futureCount: 1, promptCount: 0, position: 0, seconds: 0.001)
    pacing.observe(answerCount: 0, futureCount: 0, promptCount: 100, position: 0, seconds: 10)
    #expect(pacing.promptTokenCount(answerCount: 1, futureCount: 1, position: 0) == PromptPacing.countMinimum)
  }

  /// A step that was interrupted changes little.
  @Test func oneSlowStepIsNoLesson() {
    var pacing = PromptPacing()
    for _ in 0..<10 {
      pacing.observe(answerCount: 4, futureCount: 4, promptCount: 0, position: 0, seconds: 0.05)
      pacing.observe(answerCount: 4, futureCount: 4, promptCount: 20, position: 100, seconds: 0.1)
    }
    let before = pacing.promptTokenCount(answerCount: 4, futureCount: 4, position: 100)
    pacing.observe(answerCount: 4, futureCount: 4, promptCount: 20, position: 100, seconds: 5)
    #expect(pacing.promptTokenCount(answerCount: 4, futureCount: 4, position: 100) * 13 / 10 >= before)
    pacing.observe(answerCount: 4, futureCount: 4, promptCount: 0, position: 0, seconds: 5)
    #expect(pacing.promptTokenCount(answerCount: 4, futureCount: 4, position: 100) <= before * 13 / 10)
  }

  /// Requests that arrive together: the steps of the ramp fit to what all of them need, from the second burst on.
  @Test func aBurstIsPlannedForAllOfIt() {
    let machine = Machine(weights: 0.027, row: 0.0009, position: 1e-7)
    var pacing = PromptPacing()
    var steps: [Int] = []
    for _ in 0..<2 {
      var (answers, waiting, left, prompts, longest) = (0, 16, 0, 0, 0.0)
      while answers < 16 {
        if left == 0 { (waiting, left) = (waiting - 1, 128) }
        let most = pacing.promptTokenCount(answerCount: answers, futureCount: 16, position: 128 - left)
        let count = min(most, left)
        let seconds = machine.seconds(answers: answers, prompt: count, at: 128 - left)
        pacing.observe(
          answerCount: answers, futureCount: 16, promptCount: count, position: 128 - left, seconds: seconds)
        if answers > 0 { longest = max(longest, seconds) }
        left -= count
        prompts += 1
        if left == 0 { answers += 1 }
      }
      let decode = machine.seconds(answers: 16, prompt: 0, at: 0)
      #expect(longest < 3 * decode)
      for _ in 0..<16 {
        pacing.observe(answerCount: 16, futureCount: 16, promptCount: 0, position: 0, seconds: decode)
      }
      steps.append(prompts)
    }
    // At the pace of one answer alone, which decodes in 28 of 41 ms, the second burst would take 46 steps.
    #expect(steps[1] <= 34, "\(steps)")
  }

  /// Short prompts that arrive one after the other lengthen fewer than one in a hundred waits; the first is not cut.
  @Test(arguments: [1, 4, 15]) func manyShortPromptsStretchFewWaits(answers: Int) {
    let machine = Machine(weights: 0.025, row: 0.0008, position: 1e-7)
    let decode = machine.seconds(answers: answers, prompt: 0, at: 0)
    var pacing = PromptPacing()
    for _ in 0..<5 {
      pacing.observe(answerCount: answers, futureCount: answers, promptCount: 0, position: 0, seconds: decode)
      pacing.observe(answerCount: 0, futureCount: 0, promptCount: 100, position: 0, seconds: 0.1)
    }
    var (waits, first): ([Double], Int?) = ([], nil)
    for _ in 0..<100 {
      var left = PromptPacing.shortCount
      while left > 0 {
        let paced = pacing.promptTokenCount(answerCount: answers, futureCount: answers, position: 0)
        let count = min(left, pacing.allowsException ? left : paced)
        first = first ?? count
        let seconds = machine.seconds(answers: answers, prompt: count, at: 0)
        pacing.observe(
          answerCount: answers, futureCount: answers, promptCount: count, position: 0, seconds: seconds)
        waits.append(seconds)
        left -= count
      }
      pacing.observe(answerCount: answers, futureCount: answers, promptCount: 0, position: 0, seconds: decode)
      waits.append(decode)
    }
    #expect(first == PromptPacing.shortCount)
    // The first long wait is before those that make it one in a hundred.
    #expect((waits.count { $0 > 3 * decode } - 1) * 100 < waits.count)
  }

  @Test func exceptionsReturnAfterEnoughSteps() {
    var pacing = PromptPacing()
    pacing.observe(answerCount: 2, futureCount: 2, promptCount: 0, position: 0, seconds: 0.03)
    pacing.observe(answerCount: 2, futureCount: 2, promptCount: 128, position: 0, seconds: 0.3)
    #expect(!pacing.allowsException)
    for _ in 1..<PromptPacing.exceptionInterval {
      pacing.observe(answerCount: 2, futureCount: 2, promptCount: 0, position: 0, seconds: 0.03)
    }
    // Steps in which nobody waits do not count.
    pacing.observe(answerCount: 0, futureCount: 0, promptCount: 512, position: 0, seconds: 0.4)
    #expect(!pacing.allowsException)
    pacing.observe(answerCount: 2, futureCount: 2, promptCount: 0, position: 0, seconds: 0.03)
    #expect(pacing.allowsException)
  }
}
