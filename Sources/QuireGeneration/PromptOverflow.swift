/// A prompt that fills the context. All counts are tokens.
package struct PromptOverflow: Sendable, Equatable {
  package let promptTokenCount: Int
  package let contextLength: Int
  /// The longest context that the model was made for.
  package let contextLimit: Int

  package init(promptTokenCount: Int, contextLength: Int, contextLimit: Int) {
    self.promptTokenCount = promptTokenCount
    self.contextLength = contextLength
    self.contextLimit = contextLimit
  }

  /// What to do about it.
  package var advice: String {
    promptTokenCount < contextLimit
      ? "shorten the prompt or raise the context with --context"
      : "shorten the prompt; the model takes at most \(contextLimit) tokens"
  }
}
