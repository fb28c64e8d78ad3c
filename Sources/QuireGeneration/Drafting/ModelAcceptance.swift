/// How often the draft model's drafts are right, over all requests.
///
/// Requests that run at the same time mostly resemble each other, and each has few drafts. So all start from one estimate,
/// and each departs from it as far as its own drafts say (`DraftRecord`).
package struct ModelAcceptance: Sendable {
  /// The expected share before any draft is known.
  package static let atFirst = 0.6
  /// The estimate that it begins with counts as so many drafts.
  private static let priorCount = 2.0
  /// The least weight of a draft where one request runs. Of several, each weighs less, so that chance in one step does not
  /// change what all get in the next.
  private static let weight = 0.05

  /// Probability that a draft is accepted if those before it were.
  package private(set) var mean = Self.atFirst
  private var draftCount = 0.0

  package init() {}

  /// Records the outcome of one request's drafts. Those after the first refused one say nothing.
  package mutating func note(accepted: Int, of count: Int, requestCount: Int) {
    for _ in 0..<accepted { learn(1, requestCount) }
    if accepted < count { learn(0, requestCount) }
  }

  private mutating func learn(_ outcome: Double, _ requestCount: Int) {
    draftCount += 1
    let weight = max(
      Self.weight / Double(requestCount).squareRoot(), 1 / (Self.priorCount + draftCount))
    mean += weight * (outcome - mean)
  }
}
