/// Counts the tokens of one answer's thought, and decides when the engine closes it.
struct ThoughtLimiter {
  private let limit: ThinkingLimit
  /// Tokens of the answer after which the thought is closed in any case.
  private let lastCount: Int
  /// Whether the prompt opened the thought, so that its first tokens may be in the prompt.
  private let startsInThinking: Bool
  private var isOpen: Bool
  /// Tokens of the thought after its opening tag.
  private var thoughtCount = 0
  /// Tokens for which an incomplete character has delayed the closing.
  private var waitCount = 0
  private var hasClosed = false
  /// The tokens that come next, whatever the model prefers.
  private(set) var forced: ArraySlice<Int32> = []

  /// - Parameter answerLimit: Most tokens of thought and answer together.
  init(_ limit: ThinkingLimit, answerLimit: Int, text: AnswerText) {
    self.limit = limit
    lastCount = limit.lastThoughtCount(answerLimit: answerLimit) ?? .max
    startsInThinking = text.isThinking
    isOpen = startsInThinking
    if isOpen { closeIfDue(answerCount: 0, text) }
  }

  /// The token that has to come next, if there is one.
  mutating func takeForced() -> Int32? { forced.popFirst() }

  /// Counts the newest token.
  ///
  /// - Parameters:
  ///   - isThinking: Whether the next token belongs to the thought.
  ///   - text: The text up to this token.
  mutating func note(answerCount: Int, isThinking: Bool, _ text: AnswerText) {
    guard isThinking, !hasClosed else { return isOpen = false }
    if isOpen { thoughtCount += 1 }  // The opening tag does not count.
    isOpen = true
    closeIfDue(answerCount: answerCount, text)
  }

  private mutating func closeIfDue(answerCount: Int, _ text: AnswerText) {
    guard thoughtCount >= limit.budget ?? .max || answerCount >= lastCount else { return }
    if text.endsInsideCharacter && waitCount < ThinkingLimit.waitMaximum {
      waitCount += 1
      return
    }
    hasClosed = true
    forced = closingTokens(text)[...]
  }

  private func closingTokens(_ text: AnswerText) -> [Int32] {
    let isEmpty = text.isThoughtEmpty && !text.endsInsideCharacter && !startsInThinking
    guard isEmpty else { return limit.closing.tokens }
    return thoughtCount == 0 ? limit.closing.tokensAfterTag : limit.closing.tokensAfterLineFeeds
  }
}
