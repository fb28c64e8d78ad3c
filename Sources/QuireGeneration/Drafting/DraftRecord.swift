/// The draft history of one request: the acceptance rates of its drafts and the credit left for more.
///
/// All amounts are in units of a step without drafts. A request earns a little credit with each step, pays for the
/// time that drafts add to a step, and gets back the time that accepted drafts save. Without credit there are no
/// drafts, so in the worst case they cost the share of time `creditPerStep`, plus `initialCredit` once.
package struct DraftRecord: Sendable {
  private static let initialCredit = 0.5
  /// The same with a draft model, most of whose drafts are expected to be right: a few wrong ones at the start must not
  /// end them.
  private static let initialModelCredit = 1.0
  private static let creditPerStep = 0.02
  /// Upper limit of the credit.
  private static let creditMaximum = 2.0
  /// Weight of the newest draft in the estimate of its class.
  private static let weight = 0.2
  /// The least weight for the draft model, which has one class for all texts, so that chance weighs more than change.
  private static let modelWeight = 0.05
  /// The estimate that a text begins with counts as so many drafts.
  private static let modelPriorCount = 2
  private var modelDraftCount = 0
  private static let probeIntervals = 16...512

  /// Number of confidence levels of a source.
  package static let confidenceCount = 4
  /// The level of drafts of the draft model.
  package static let modelConfidence = 4
  /// The expected acceptance of its drafts before any is known.
  package static let modelAcceptanceAtFirst = 0.6
  /// Estimated probability that a draft is accepted if those before it were, by the source's confidence.
  private var acceptances: SIMD8<Double>
  package private(set) var credit: Double
  /// Consecutive steps whose proposed drafts were not worth using.
  private var declinedCount = 0
  private var probeInterval = Self.probeIntervals.lowerBound

  /// - Parameter modelAcceptance: of the draft model's drafts in other requests; nil without a draft model
  package init(modelAcceptance: Double? = nil) {
    acceptances = SIMD8(0.25, 0.4, 0.6, 0.85, modelAcceptance ?? 0, 0, 0, 0)
    credit = modelAcceptance == nil ? Self.initialCredit : Self.initialModelCredit
  }

  package func acceptance(confidence: Int) -> Double { acceptances[confidence] }

  /// Earns the credit of one step that gave the request a token, with or without drafts.
  package mutating func earn() {
    credit = min(Self.creditMaximum, credit + Self.creditPerStep)
  }

  /// Called when the proposed drafts were not worth using. True when one should be tried anyway, because the text may
  /// have changed; this happens less and less often while such tries fail.
  package mutating func declineOrProbe() -> Bool {
    declinedCount += 1
    guard declinedCount >= probeInterval else { return false }
    declinedCount = 0
    probeInterval = min(2 * probeInterval, Self.probeIntervals.upperBound)
    return true
  }

  /// Records the outcome of drafts.
  /// - Parameters:
  ///   - cost: the time that they added, in steps without drafts.
  ///   - gain: the time that the accepted ones saved, in steps without drafts.
  package mutating func settle(
    accepted: Int, of draftCount: Int, confidence index: Int, cost: Double, gain: Double
  ) {
    for _ in 0..<accepted { acceptances[index] += nextWeight(index) * (1 - acceptances[index]) }
    if accepted < draftCount { acceptances[index] -= nextWeight(index) * acceptances[index] }
    if accepted > 0 {
      declinedCount = 0
      probeInterval = Self.probeIntervals.lowerBound
    }
    credit = min(Self.creditMaximum, credit - cost + gain)
  }

  /// The weight of one more draft: of the draft model's, the mean of all so far.
  private mutating func nextWeight(_ confidence: Int) -> Double {
    guard confidence == Self.modelConfidence else { return Self.weight }
    modelDraftCount += 1
    return max(Self.modelWeight, 1 / Double(Self.modelPriorCount + modelDraftCount))
  }
}
