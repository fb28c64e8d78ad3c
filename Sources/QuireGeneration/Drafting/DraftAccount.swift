/// Whether a draft head saves more time than it takes: a running account, in seconds.
///
///     var account = DraftAccount()
///     account.note(answerCount: 1, stepSeconds: 0.1, spent: 0.02, gained: 0.07)
///     account.isOpen  // whether the head may work
///
/// A head computes every row of the target, also of texts that it does not draft for, so what it costs cannot be charged to
/// single drafts. The account receives the time that accepted drafts save, and pays for all that the head takes. It closes
/// when it owes the time of `allowance` steps. Each step earns it a small share of its time; when the debt is paid, it opens
/// again, because the texts may have changed. It opens at once when half as many answers run as when it closed: the fewer
/// they are, the more of a step each draft saves. At a steady load the head takes at most that share of the time, and the
/// allowance once, however little its drafts are worth.
package struct DraftAccount: Sendable {
  /// The share of all time that may be lost by trying.
  private static let earnedShare = 0.015
  /// The largest debt and the largest balance, in steps.
  private static let allowance = 16.0
  /// Weight of the newest step in the mean time of a step.
  private static let weight = 0.05

  package private(set) var isOpen = true
  private var balance = 0.0
  private var meanStepSeconds = 0.0
  private var meanAnswerCount = 0.0
  /// The mean number of answers when it closed.
  private var closedAnswerCount = 0.0

  package init() {}

  /// Records a step.
  /// - Parameters:
  ///   - answerCount: requests that it gives a token
  ///   - stepSeconds: the time of the target
  ///   - spent: the time of the head, and of the target for the rows of its drafts
  ///   - gained: the time that its accepted drafts saved
  package mutating func note(answerCount: Int, stepSeconds: Double, spent: Double, gained: Double) {
    // Before the first step there is nothing to compare with.
    guard stepSeconds > 0 else { return }
    let weight = meanStepSeconds == 0 ? 1 : Self.weight
    meanStepSeconds += weight * (stepSeconds - meanStepSeconds)
    meanAnswerCount += weight * (Double(answerCount) - meanAnswerCount)
    let limit = Self.allowance * meanStepSeconds
    balance += Self.earnedShare * stepSeconds + gained - spent
    balance = min(max(balance, -limit), limit)
    if isOpen {
      isOpen = balance > -limit
      closedAnswerCount = meanAnswerCount
    } else if balance >= 0 || 2 * meanAnswerCount <= closedAnswerCount {
      (isOpen, balance) = (true, max(balance, 0))
    }
  }
}
