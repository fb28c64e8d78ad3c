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
  /// The estimate for all requests counts as so many drafts of this one.
  private static let sharedCount = 8.0
  /// What an own draft of the draft model still counts after another one.
  private static let ownDecay = 0.95
  private static let probeIntervals = 16...512

  /// Number of confidence levels of a source.
  package static let confidenceCount = 4
  /// The level of drafts of the draft model.
  package static let modelConfidence = confidenceCount
  /// Estimated probability that a draft is accepted if those before it were, by the source's confidence.
  private var acceptances: SIMD4<Double> = [0.25, 0.4, 0.6, 0.85]
  /// Of the draft model's drafts in all requests.
  package var modelAcceptance: Double
  /// The same for this request, with the older ones counting less.
  private var own = (accepted: 0.0, count: 0.0)
  package private(set) var credit: Double
  /// Consecutive steps whose proposed drafts were not worth using.
  private var declinedCount = 0
  private var probeInterval = Self.probeIntervals.lowerBound

  /// - Parameter modelAcceptance: of the draft model's drafts in all requests; nil without a draft model
  package init(modelAcceptance: Double? = nil) {
    self.modelAcceptance = modelAcceptance ?? 0
    credit = modelAcceptance == nil ? Self.initialCredit : Self.initialModelCredit
  }

  package func acceptance(confidence: Int) -> Double {
    guard confidence == Self.modelConfidence else { return acceptances[confidence] }
    return (modelAcceptance * Self.sharedCount + own.accepted) / (Self.sharedCount + own.count)
  }

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
  ///   - requestCount: the requests of the step.
  package mutating func settle(
    accepted: Int, of draftCount: Int, confidence: Int, cost: Double, gain: Double, requestCount: Int
  ) {
    for _ in 0..<accepted { learn(1, confidence, requestCount) }
    if accepted < draftCount { learn(0, confidence, requestCount) }
    if accepted > 0 {
      declinedCount = 0
      probeInterval = Self.probeIntervals.lowerBound
    }
    credit = min(Self.creditMaximum, credit - cost + gain)
  }

  private mutating func learn(_ outcome: Double, _ confidence: Int, _ requestCount: Int) {
    guard confidence == Self.modelConfidence else {
      acceptances[confidence] += Self.weight * (outcome - acceptances[confidence])
      return
    }
    // The estimate for all requests already has it: all of it if no other request runs.
    let weight = 1 - 1 / Double(requestCount)
    own.accepted = own.accepted * Self.ownDecay + weight * outcome
    own.count = own.count * Self.ownDecay + weight
  }
}
