/// How the drafts of one request have fared: what the next ones are worth, and what may still be risked on them.
///
/// Everything is counted in plain steps, those without drafts. A request earns a little credit with each step,
/// pays for what drafts add to the time of a step, and gets back what tokens they saved. Without credit there are
/// no drafts; so at worst they cost the share of time that `creditPerStep` says, and `initialCredit` once.
package struct DraftRecord: Sendable {
  private static let initialCredit = 0.5
  private static let creditPerStep = 0.02
  /// What past success may be risked at most.
  private static let creditMaximum = 2.0
  /// Weight of the newest draft in the estimate of its class.
  private static let weight = 0.2
  private static let probeIntervals = 16...512

  /// Levels of confidence that a source can have in its drafts.
  package static let confidenceCount = 4
  /// Estimated probability that a draft comes true if those before it did, by the source's confidence.
  private var acceptances = SIMD4(0.25, 0.4, 0.6, 0.85)
  package private(set) var credit = Self.initialCredit
  /// Steps in a row for which drafts were at hand but promised too little.
  private var declinedCount = 0
  private var probeInterval = Self.probeIntervals.lowerBound

  package init() {}

  package func acceptance(confidence: Int) -> Double { acceptances[confidence] }

  /// A step gave the request a token, drafts or not.
  package mutating func earn() {
    credit = min(Self.creditMaximum, credit + Self.creditPerStep)
  }

  /// Drafts were at hand and promised too little. True when it is time to try one all the same, for the text
  /// may have changed; ever more rarely while that fails.
  package mutating func declineOrProbe() -> Bool {
    declinedCount += 1
    guard declinedCount >= probeInterval else { return false }
    declinedCount = 0
    probeInterval = min(2 * probeInterval, Self.probeIntervals.upperBound)
    return true
  }

  /// Takes in what became of drafts.
  /// - Parameters:
  ///   - cost: what they added to the step, in plain steps.
  ///   - gain: what the accepted ones saved, in plain steps.
  package mutating func settle(
    accepted: Int, of draftCount: Int, confidence index: Int, cost: Double, gain: Double
  ) {
    for _ in 0..<accepted { acceptances[index] += Self.weight * (1 - acceptances[index]) }
    if accepted < draftCount { acceptances[index] -= Self.weight * acceptances[index] }
    if accepted > 0 {
      declinedCount = 0
      probeInterval = Self.probeIntervals.lowerBound
    }
    credit = min(Self.creditMaximum, credit - cost + gain)
  }
}
