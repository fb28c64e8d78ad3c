/// Qwen3's two chat modes.
package enum ThinkingMode: String, Sendable, CaseIterable {
  /// The model fills a `<think>` block before it answers.
  case thinking
  /// The template closes an empty `<think>` block for the model.
  case nonThinking
}
