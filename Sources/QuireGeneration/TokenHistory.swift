/// The tokens of a request that its penalties need: every distinct token of prompt and answer, and how often it occurs
/// in the answer.
struct TokenHistory: Sendable {
  private var indexOfToken: [Int32: Int] = [:]
  /// Distinct tokens in order of first occurrence, and their counts in the answer.
  private(set) var tokens: [Int32] = []
  private(set) var answerCounts: [Int32] = []

  /// Reserves capacity for the whole answer, so that a decode step does not allocate.
  init(prompt: some Sequence<Int32>, maximumTokens: Int) {
    for token in prompt { note(token, answerCount: 0) }
    let capacity = tokens.count + min(maximumTokens, 65_536)
    indexOfToken.reserveCapacity(capacity)
    tokens.reserveCapacity(capacity)
    answerCounts.reserveCapacity(capacity)
  }

  mutating func append(_ token: Int32) {
    note(token, answerCount: 1)
  }

  private mutating func note(_ token: Int32, answerCount: Int32) {
    if let index = indexOfToken[token] {
      answerCounts[index] += answerCount
    } else {
      indexOfToken[token] = tokens.count
      tokens.append(token)
      answerCounts.append(answerCount)
    }
  }
}
