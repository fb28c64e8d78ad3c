/// How many prompt tokens a step may compute so that those that decode do not wait long for their next token.
///
///     var pacing = PromptPacing()
///     pacing.observe(answerCount: 16, promptCount: 0, position: 0, seconds: 0.090)
///     pacing.observe(answerCount: 16, promptCount: 32, position: 0, seconds: 0.190)
///     pacing.promptTokenCount(answerCount: 16, position: 0)   // 43: such a step takes 2.5 times 0.090 s
///
/// The time between two tokens of an answer is the time of a step. A step that only decodes takes the least; one with
/// prompt tokens may take `stretch` times as long. Both times are learned from the steps themselves: that of decoding by
/// the number of answers, that of a prompt token by its position, because attention reads all positions before it.
package struct PromptPacing: Sendable {
  /// Times a step with prompt tokens may take what decoding alone takes. Three is what clients are promised; the rest
  /// is for what steps vary by themselves.
  package static let stretch = 2.4
  /// Prompts move on by this many tokens a step at least.
  package static let countMinimum = 4
  /// Tokens of a step while nothing is known.
  private static let countAtFirst = 32
  /// The newest observation weighs so much, …
  private static let weight = 0.2
  /// … and counts as no further than this factor from the mean, for a step may be interrupted by something else.
  private static let ratios = 0.5...2.0

  /// Seconds of a step that only decodes, by the number of answers less one; 0 is unknown.
  private var decodeSeconds: [Double]
  /// Seconds of a prompt token, by the number of bits of its position; 0 is unknown.
  private var tokenSeconds = [Double](repeating: 0, count: Int.bitWidth)

  package init(maximumSlots: Int = 16) {
    decodeSeconds = [Double](repeating: 0, count: maximumSlots)
  }

  /// The most prompt tokens for a step in which so many requests decode. `position` is where the prompt has got to.
  package func promptTokenCount(answerCount: Int, position: Int) -> Int {
    guard answerCount > 0 else { return .max }
    guard let decode = expectedDecode(answerCount), let token = expectedToken(position) else {
      return Self.countAtFirst
    }
    let count = (Self.stretch - 1) * decode / token
    return count < 1e9 ? max(Self.countMinimum, Int(count)) : .max
  }

  /// Takes in the time of a step.
  package mutating func observe(answerCount: Int, promptCount: Int, position: Int, seconds: Double) {
    guard seconds > 0, answerCount <= decodeSeconds.count else { return }
    if promptCount == 0 {
      guard answerCount > 0 else { return }
      Self.learn(seconds, &decodeSeconds[answerCount - 1])
    } else {
      let decode = answerCount > 0 ? expectedDecode(answerCount) ?? 0 : 0
      // The weights are read once for all rows, so prompt tokens may seem to cost nothing; they do not.
      let rest = max(seconds - decode, seconds / 20)
      Self.learn(rest / Double(promptCount), &tokenSeconds[Self.bits(position)])
    }
  }

  private static func learn(_ observed: Double, _ mean: inout Double) {
    if mean == 0 {
      mean = observed
    } else {
      let ratio = min(max(observed / mean, ratios.lowerBound), ratios.upperBound)
      mean *= 1 + weight * (ratio - 1)
    }
  }

  private static func bits(_ position: Int) -> Int { Int.bitWidth - max(0, position).leadingZeroBitCount }

  /// What is known of fewer answers is less than the truth; so is, of more answers, their share.
  private func expectedDecode(_ answerCount: Int) -> Double? {
    let index = min(answerCount, decodeSeconds.count) - 1
    if let below = decodeSeconds[...index].last(where: { $0 > 0 }) { return below }
    guard let above = decodeSeconds.indices.dropFirst(index).first(where: { decodeSeconds[$0] > 0 }) else {
      return nil
    }
    return decodeSeconds[above] * Double(index + 1) / Double(above + 1)
  }

  /// From a lower class of positions to the next, a token costs at most twice as much; from a higher one, not more.
  private func expectedToken(_ position: Int) -> Double? {
    let bits = Self.bits(position)
    if let below = tokenSeconds.indices.prefix(bits + 1).last(where: { tokenSeconds[$0] > 0 }) {
      // Below a thousand positions attention is a small part.
      let doublings = max(0, bits - max(below, 10))
      return tokenSeconds[below] * Double(1 << min(doublings, 30))
    }
    return tokenSeconds.dropFirst(bits).first { $0 > 0 }
  }
}
