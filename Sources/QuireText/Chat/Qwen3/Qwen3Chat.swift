import QuireJSON

/// The chat format of Qwen3's published templates: renders messages, tools and mode to text.
///
/// Reasoning is kept only in messages after the user's last question, as in Qwen3's templates.
enum Qwen3Chat {
  /// The added tokens of the format that are not marked as special.
  static let tags = [
    AnswerTag.thinkStart, AnswerTag.thinkEnd, AnswerTag.toolCallStart, AnswerTag.toolCallEnd,
    "<tool_response>", "</tool_response>",
  ]

  /// The added tokens, with those marked that belong to Qwen3's vocabulary, such as `<|fim_prefix|>`, though not all of
  /// them are special there, and what the template writes around tools.
  static func marked(_ tokens: [AddedToken]) -> [AddedToken] {
    let written = ["<tools>", "</tools>", "<function-name>", "<args-json-object>"].map { Array($0.utf8) }
    return tokens.map { token in
      var token = token
      let hasBars = token.content.starts(with: "<|".utf8) && token.content.reversed().starts(with: ">|".utf8)
      token.isTemplateControl = hasBars || written.contains(token.content)
      return token
    }
  }

  /// Hashes of the two published revisions (April 2025, and a later one that handles content that is not a string).
  /// They render every chat identically.
  static let templateFingerprints: Set<UInt64> = [0x2BFD_B7AA_9754_484E, 0x959A_4551_391A_6549]

  /// See ``ChatFormat/render(messages:tools:mode:addGenerationPrompt:continueFinalMessage:)``.
  ///
  /// - Parameter generationMode: The mode of the answer to generate; nil when the prompt ends with the messages.
  static func render(
    messages: [ChatMessage], tools: [JSONValue], generationMode: ThinkingMode?, continueFinalMessage: Bool
  ) throws(TextError) -> ChatPrompt {
    guard let first = messages.first, let last = messages.last else {
      throw .chat(expected: "at least one message", found: "none")
    }
    if continueFinalMessage && (last.role != .assistant || last.content == nil) {
      throw .chat(
        expected: "a last message by the assistant, with content, to continue",
        found: last.role == .assistant ? "one without content" : "one by the \(last.role.rawValue)")
    }
    var renderer = Qwen3Renderer(messages: messages, leavesLastOpen: continueFinalMessage)
    renderer.renderHead(system: first.role == .system ? first.content ?? "" : nil, tools: tools)
    for index in messages.indices { renderer.render(index) }
    if let generationMode {
      renderer.prompt.append(template: "<|im_start|>assistant\n")
      if generationMode == .nonThinking {
        renderer.prompt.append(template: "\(AnswerTag.thinkStart)\n\n\(AnswerTag.thinkEnd)\n\n")
      }
    }
    return renderer.prompt
  }

  /// From the model card, "Best Practices". It warns against greedy decoding in thinking mode, which causes repetition.
  static func recommendedSampling(in mode: ThinkingMode) -> RecommendedSampling {
    switch mode {
    case .thinking: RecommendedSampling(temperature: 0.6, topP: 0.95, topK: 20, minP: 0)
    case .nonThinking: RecommendedSampling(temperature: 0.7, topP: 0.8, topK: 20, minP: 0)
    }
  }

  /// Whether the last think tag after the last message header opens the reasoning. Only assistant messages can open
  /// it.
  static func startsInThinking(
    _ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer, _ tags: ReasoningTags
  ) -> Bool {
    let head = tokenizer.addedTokenID(of: "<|im_start|>")
    guard let start = prompt.lastIndex(where: { $0 == head }) else {
      return tags.isOpen(atEndOf: prompt, tokenizer)
    }
    let message = prompt[prompt.index(after: start)...]
    return message.starts(with: tokenizer.encode("assistant", addedTokens: .plainText))
      && tags.isOpen(atEndOf: message, tokenizer)
  }

  /// Whether nothing follows the head of the assistant's message.
  static func mayOpenThought(_ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer) -> Bool {
    let head = tokenizer.addedTokenID(of: "<|im_start|>")
    guard let start = prompt.lastIndex(where: { $0 == head }) else { return false }
    return prompt[prompt.index(after: start)...]
      .elementsEqual(tokenizer.encode("assistant\n", addedTokens: .plainText))
  }
}
