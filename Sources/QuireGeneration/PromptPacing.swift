/// Limits the prompt tokens of a step, so that decoding requests do not wait long for their next token.
///
///     var pacing = PromptPacing()
///     pacing.observe(answerCount: 16, futureCount: 16, promptCount: 0, position: 0, seconds: 0.090)
///     pacing.observe(answerCount: 16, futureCount: 16, promptCount: 32, position: 0, seconds: 0.190)
///     // 40: such a step is planned to take 2.4 times 0.090 s
///     pacing.promptTokenCount(answerCount: 16, futureCount: 16, position: 0)
///
/// The time between two tokens of an answer is the time of a step. A step that only decodes is the shortest; a step with
/// prompt tokens may take three times as long. Steps vary, so that less is planned: how much less follows from how far
/// steps took longer than planned. Now and then a short prompt is an exception: it is computed in one step, because in
/// parts it would wait for several more decode steps and save the others one longer wait. Many short prompts in a row are
/// not, because they would be more than one in a hundred waits. Both times are estimated from measured steps: decoding for
/// each number of answers, prompt tokens by their position. Where no step with about as many answers only decoded, the next
/// one nearly does, to measure it.
///
/// When many requests arrive at once, the first answers decode almost alone, and chunks that fit to their short steps would
/// make the others wait long. So the time that counts is that of decoding all requests that have arrived, which is what the
/// first ones will get for most of their tokens.
package struct PromptPacing: Sendable {
  /// Time of 99 in a hundred steps with prompt tokens, at most, divided by the time of a step that only decodes.
  package static let longest = 3.0
  /// Planned time of a step with prompt tokens, divided by the time of a step that only decodes.
  package static let stretches = 1.7...2.8
  /// A prompt with at most this many tokens to compute is short.
  package static let shortCount = 128
  /// Steps with answers from one with more prompt tokens than planned to the next: of the waits between two tokens, fewer
  /// than one in a hundred is of such a step.
  package static let exceptionInterval = 128
  /// A step may always compute this many prompt tokens, and one with no more can measure the time of decoding.
  package static let countMinimum = 4
  /// Prompt tokens of a step before anything is measured.
  private static let countAtFirst = 32
  /// Weight of the newest measurement in the moving averages.
  private static let weight = 0.2
  /// A measurement is limited to this range relative to the average, because other programs may interrupt a step.
  private static let ratios = 0.5...2.0
  /// Standard deviations kept free: 99 in a hundred values of a normal distribution do not exceed 2.33 of them, and the
  /// deviation itself is an estimate.
  private static let margin = 2.6
  /// Weight of the newest step in `variance`, and the largest deviation that counts.
  private static let varianceWeight = 0.02
  private static let deviationLimit = 0.35

  /// Seconds of a step that only decodes, by the number of answers − 1; 0 if not measured.
  private var decodeSeconds: [Double]
  private var tokenCost = PromptTokenCost()
  /// Mean square of what steps with prompt tokens took longer than planned, relative to the plan, as if as many steps
  /// took as much less.
  private var variance = 0.0092  // a stretch of 2.4
  /// Steps with answers since the last one with more prompt tokens than planned.
  private var stepsSinceException = Self.exceptionInterval

  /// Whether the next step may compute a short prompt completely, however long it takes.
  package var allowsException: Bool { stepsSinceException >= Self.exceptionInterval }

  package init(maximumSlots: Int = 16) {
    decodeSeconds = [Double](repeating: 0, count: maximumSlots)
  }

  /// The maximum number of prompt tokens for a step in which `answerCount` requests decode, of `futureCount` when the known
  /// prompts are computed. `position` is the prompt's next position.
  package func promptTokenCount(answerCount: Int, futureCount: Int, position: Int) -> Int {
    guard answerCount > 0 else { return .max }
    guard isMeasured(answerCount), let decode = expectedDecode(answerCount) else { return Self.countMinimum }
    guard let token = tokenCost.seconds(at: Double(position)) else { return Self.countAtFirst }
    let future = max(decode, expectedDecode(max(answerCount, futureCount)) ?? decode)
    let count = (stretch * future - decode) / token
    return count < 1e9 ? max(Self.countMinimum, Int(count)) : .max
  }

  /// Records the duration of a step.
  package mutating func observe(
    answerCount: Int, futureCount: Int, promptCount: Int, position: Int, seconds: Double
  ) {
    guard seconds > 0, answerCount <= decodeSeconds.count else { return }
    if answerCount > 0 {
      let planned = promptTokenCount(answerCount: answerCount, futureCount: futureCount, position: position)
      stepsSinceException =
        promptCount > planned ? 0 : min(stepsSinceException + 1, Self.exceptionInterval)
    }
    let middle = Double(position) + Double(promptCount) / 2
    let prompts = tokenCost.seconds(at: middle).map { $0 * Double(promptCount) }
    // The weights are read once for all rows, so a difference may be near zero; every part of a step takes time.
    let least = seconds / 20
    if answerCount > 0, promptCount == 0 || (promptCount <= Self.countMinimum && !isMeasured(answerCount)) {
      Self.learn(max(seconds - (prompts ?? 0), least), &decodeSeconds[answerCount - 1])
    } else if promptCount > 0 {
      let decode = answerCount > 0 ? expectedDecode(answerCount) ?? 0 : 0
      if decode > 0, let prompts { noteDeviation(seconds / (decode + prompts) - 1) }
      tokenCost.learn(max(seconds - decode, least) / Double(promptCount), at: middle)
    }
  }

  /// The factor of decoding's time that is planned for a step with prompt tokens.
  private var stretch: Double {
    let value = Self.longest / (1 + Self.margin * variance.squareRoot())
    return min(max(value, Self.stretches.lowerBound), Self.stretches.upperBound)
  }

  private mutating func noteDeviation(_ deviation: Double) {
    let over = min(max(deviation, 0), Self.deviationLimit)
    variance += Self.varianceWeight * (2 * over * over - variance)
  }

  private static func learn(_ observed: Double, _ mean: inout Double) {
    if mean == 0 {
      mean = observed
    } else {
      let ratio = min(max(observed / mean, ratios.lowerBound), ratios.upperBound)
      mean *= 1 + weight * (ratio - 1)
    }
  }

  /// Whether decoding was measured with at least half as many answers, and no more.
  private func isMeasured(_ answerCount: Int) -> Bool {
    let last = min(answerCount, decodeSeconds.count) - 1
    return decodeSeconds[last / 2...last].contains { $0 > 0 }
  }

  /// An estimate that is never too high: the time for fewer answers, or else a proportional part of the time for more.
  private func expectedDecode(_ answerCount: Int) -> Double? {
    let index = min(answerCount, decodeSeconds.count) - 1
    if let below = decodeSeconds[...index].last(where: { $0 > 0 }) { return below }
    guard let above = decodeSeconds.indices.dropFirst(index).first(where: { decodeSeconds[$0] > 0 }) else {
      return nil
    }
    return decodeSeconds[above] * Double(index + 1) / Double(above + 1)
  }
}
