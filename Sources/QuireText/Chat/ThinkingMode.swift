package import QuireJSON

/// Qwen3's two chat modes.
package enum ThinkingMode: String, Sendable, CaseIterable {
  /// The model fills a `<think>` block before it answers.
  case thinking
  /// The template closes an empty `<think>` block for the model.
  case nonThinking

  /// From the template's `enable_thinking`: only `false` itself turns thinking off; a missing value, `null`, `0` and
  /// `"false"` do not, as in the original template.
  package init(enableThinking: JSONValue?) {
    self = enableThinking == .bool(false) ? .nonThinking : .thinking
  }
}
