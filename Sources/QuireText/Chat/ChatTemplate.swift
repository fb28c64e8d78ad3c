package import QuireJSON

/// Qwen3's chat template: messages, tools and mode to the prompt's text.
///
/// ```swift
/// let prompt = try ChatTemplate.render(messages: [ChatMessage(role: .user, content: "Hello")], mode: .thinking)
/// let ids = prompt.tokens(tokenizer)
/// ```
///
/// Thoughts of earlier turns are left out as Qwen3 leaves them out: only what follows the last question keeps them.
package enum ChatTemplate {
  /// Renders a chat.
  ///
  /// - Parameters:
  ///   - tools: JSON schemas of functions, as OpenAI's `tools` has them; none for a chat without.
  ///   - mode: Counts only together with `addGenerationPrompt`.
  ///   - addGenerationPrompt: Whether the prompt ends with the head of the assistant's next message.
  ///   - continueFinalMessage: Whether the last message, which must be the assistant's and have content, is left
  ///     open for the model to go on. Not together with `addGenerationPrompt`.
  package static func render(
    messages: [ChatMessage], tools: [JSONValue] = [], mode: ThinkingMode = .thinking,
    addGenerationPrompt: Bool = true, continueFinalMessage: Bool = false
  ) throws(TextError) -> ChatPrompt {
    precondition(
      !(addGenerationPrompt && continueFinalMessage),
      "a message cannot be continued and followed by another at once")
    guard let first = messages.first, let last = messages.last else {
      throw .chat(expected: "at least one message", found: "none")
    }
    if continueFinalMessage && (last.role != .assistant || last.content == nil) {
      throw .chat(
        expected: "a last message by the assistant, with content, to continue",
        found: last.role == .assistant ? "one without content" : "one by the \(last.role.rawValue)")
    }
    var renderer = ChatRenderer(messages: messages, leavesLastOpen: continueFinalMessage)
    renderer.renderHead(system: first.role == .system ? first.content ?? "" : nil, tools: tools)
    for index in messages.indices { renderer.render(index) }
    if addGenerationPrompt {
      renderer.prompt.append(template: "<|im_start|>assistant\n")
      if mode == .nonThinking { renderer.prompt.append(template: "<think>\n\n</think>\n\n") }
    }
    return renderer.prompt
  }
}
