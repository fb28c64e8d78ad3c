/// How much of a request's prompt is computed.
package struct PromptProgress: Sendable, Equatable {
  /// Tokens of the prompt.
  package let promptTokens: Int
  /// Tokens whose keys and values an earlier request had left in the cache.
  package let cachedTokens: Int
  /// Tokens that are computed, including the cached ones. Does not decrease.
  package let computedTokens: Int
  /// Since the first step that computed tokens of the request.
  package let seconds: Double

  package init(promptTokens: Int, cachedTokens: Int, computedTokens: Int, seconds: Double) {
    self.promptTokens = promptTokens
    self.cachedTokens = cachedTokens
    self.computedTokens = computedTokens
    self.seconds = seconds
  }
}
