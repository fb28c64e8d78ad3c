// The checks of fields about single tokens and about the thought.

extension RequestLimits {
  /// Sequences of tokens that must not occur.
  package static let badWordCountMaximum = 1000
  /// Tokens in all of them.
  package static let badWordTokensMaximum = 10_000
  /// Tokens whose log-probabilities are given at each position.
  package static let logprobTokenCountMaximum = 128

  func validateTokenFields(_ request: GenerationRequest) throws(GenerationError) {
    try check("allowedTokenIDs", request.allowedTokenIDs ?? [0], in: 1...Int(Int32.max))
    try check("logprobTokenIDs", request.logprobTokenIDs, in: 0...Self.logprobTokenCountMaximum)
    guard request.minimumTokens >= 0, request.minimumTokens <= max(0, request.maximumTokens) else {
      throw invalid(
        "minimumTokens",
        "minimumTokens: expected 0 to maximumTokens, which is \(request.maximumTokens), found "
          + "\(request.minimumTokens); correct it")
    }
    if let count = request.promptLogprobCount, !(0...Self.logprobCountMaximum).contains(count) {
      throw invalid(
        "promptLogprobCount",
        "promptLogprobCount: expected 0 to \(Self.logprobCountMaximum), found \(count); correct it")
    }
    try validateBadWords(request.badWords)
    if let thinking = request.thinking { try validate(thinking) }
  }

  private func validateBadWords(_ words: [[Int32]]) throws(GenerationError) {
    guard words.count <= Self.badWordCountMaximum else {
      throw invalid(
        "badWords",
        "badWords: expected at most \(Self.badWordCountMaximum) sequences of tokens, found \(words.count); give fewer"
      )
    }
    var tokenCount = 0
    for word in words {
      try check("badWords", word, in: 1...Self.badWordTokensMaximum)
      tokenCount += word.count
    }
    guard tokenCount <= Self.badWordTokensMaximum else {
      throw invalid(
        "badWords",
        "badWords: expected at most \(Self.badWordTokensMaximum) tokens, found \(tokenCount); give fewer")
    }
  }

  private func validate(_ thinking: ThinkingLimit) throws(GenerationError) {
    for (field, value) in [
      ("thinking.budget", thinking.budget ?? 0), ("thinking.answerReserve", thinking.answerReserve),
    ] where value < 0 {
      throw invalid(field, "\(field): expected 0 or more, found \(value); correct it")
    }
    try check("thinking.closing", thinking.closing.tokens, in: 1...Int(Int32.max))
  }

  private func check(
    _ field: String, _ ids: [Int32], in counts: ClosedRange<Int>
  ) throws(GenerationError) {
    guard counts.contains(ids.count) else {
      throw invalid(
        field,
        "\(field): expected \(counts.lowerBound) to \(counts.upperBound) tokens, found \(ids.count); correct it"
      )
    }
    if let id = ids.first(where: { !isToken($0) }) {
      throw invalid(field, "\(field): expected ids from 0 to \(vocabularySize - 1), found \(id); correct it")
    }
  }
}
