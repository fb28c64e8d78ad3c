/// A measured value that a condition is about, and what is known of its error.
struct GateFigure {
  enum Evidence {
    /// The error is that of the estimate; without one the value is exact, such as a size, or stands for itself, such as
    /// the largest divergence of a text.
    case estimate
    /// There is an error, but too few observations to know it.
    case unknownError
    /// A share of right answers to so many problems.
    case share(problemCount: Int)
    /// The change is of these answers.
    case flips(AnswerFlips)
  }

  let estimate: Estimate
  var evidence = Evidence.estimate

  init(_ estimate: Estimate, _ evidence: Evidence = .estimate) {
    self.estimate = estimate
    self.evidence = evidence
  }

  init(_ flips: AnswerFlips) { self.init(flips.accuracyChange, .flips(flips)) }

  /// Why the value does not decide between the two sides of the limit, as the end of a sentence; nil where it does.
  func doubt(at limit: Double) -> String? {
    let width = Estimate.noiseWidth * (estimate.standardError ?? 0)
    if width > 0, abs(estimate.value - limit) <= width {
      return ", which is within two standard errors of the limit"
    }
    let isClear =
      switch evidence {
      case .estimate: true
      case .unknownError: false
      case .share(let count): isClearShare(of: limit, count)
      case .flips(let flips): flips.isClear(of: limit)
      }
    if isClear { return nil }
    if case .unknownError = evidence {
      return ", whose standard error is not known: a longer text or more problems would give it"
    }
    return ", which so few answers do not tell from the limit"
  }

  /// Whether a share is more than two standard errors from the limit, which are those that it would have if the limit were
  /// the truth: answers that are all right show no spread of their own (Wilson, Journal of the American Statistical
  /// Association 22, 1927, pp. 209–212). No share is beyond 0 and 1.
  private func isClearShare(of limit: Double, _ count: Int) -> Bool {
    let variance = limit * (1 - limit) / Double(count)
    guard limit > 0, limit < 1 else { return true }
    return abs(estimate.value - limit) > Estimate.noiseWidth * variance.squareRoot()
  }
}
