package import QuireJSON

/// How the chats of a model become prompts, and its answers their parts.
///
/// ```swift
/// let format = try tokenizer.chatFormat.required()
/// let prompt = try format.render(messages: [ChatMessage(role: .user, content: "Hello")], mode: .thinking)
/// let ids = prompt.tokens(tokenizer)
/// var splitter = format.splitter(startsInThinking: format.startsInThinking(ids, tokenizer), splitsToolCalls: true)
/// ```
///
/// Which format a model has is decided once, when it is opened: see ``ChatFormatChoice``. A further format is one
/// more case here and a folder beside `Qwen3`; the methods only forward.
package enum ChatFormat: String, Sendable, CaseIterable {
  /// Qwen3's two published templates, which render alike.
  case qwen3

  /// As options, packs and messages spell it.
  package var name: String { rawValue }

  /// Renders a chat.
  ///
  /// - Parameters:
  ///   - tools: JSON schemas of functions, as OpenAI's `tools` has them; none for a chat without.
  ///   - mode: Counts only together with `addGenerationPrompt`.
  ///   - addGenerationPrompt: Whether the prompt ends with the head of the assistant's next message.
  ///   - continueFinalMessage: Whether the last message, which must be the assistant's and have content, is left
  ///     open for the model to go on. Not together with `addGenerationPrompt`.
  package func render(
    messages: [ChatMessage], tools: [JSONValue] = [], mode: ThinkingMode = .thinking,
    addGenerationPrompt: Bool = true, continueFinalMessage: Bool = false
  ) throws(TextError) -> ChatPrompt {
    precondition(
      !(addGenerationPrompt && continueFinalMessage),
      "a message cannot be continued and followed by another at once")
    switch self {
    case .qwen3:
      return try Qwen3Chat.render(
        messages: messages, tools: tools, generationMode: addGenerationPrompt ? mode : nil,
        continueFinalMessage: continueFinalMessage)
    }
  }

  /// Whether an answer to this prompt begins inside a thought. The prompt decides, and no option that went with it:
  /// the thought may have been closed or left open by other means.
  package func startsInThinking(_ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer) -> Bool
  {
    switch self {
    case .qwen3: Qwen3Chat.startsInThinking(prompt, tokenizer)
    }
  }

  /// Whether the prompt ends with the head of the answer, so that the model itself decides whether it thinks: its first
  /// token may open a thought.
  package func mayOpenThought(_ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer) -> Bool {
    switch self {
    case .qwen3: Qwen3Chat.mayOpenThought(prompt, tokenizer)
    }
  }

  /// The tag that opens a thought, and the one that ends it.
  package static let thoughtStart = AnswerTag.thinkStart
  package static let thoughtEnd = AnswerTag.thinkEnd
  /// The tags around a tool call.
  package static let toolCallStart = AnswerTag.toolCallStart
  package static let toolCallEnd = AnswerTag.toolCallEnd

  /// Takes one answer apart.
  ///
  /// - Parameter splitsToolCalls: Off, calls stay in the content as they are: for chats without tools.
  package func splitter(startsInThinking: Bool, splitsToolCalls: Bool) -> AnswerSplitter {
    switch self {
    case .qwen3: AnswerSplitter(startsInThinking: startsInThinking, splitsToolCalls: splitsToolCalls)
    }
  }

  /// What the model's authors recommend to sample with.
  package func recommendedSampling(in mode: ThinkingMode) -> RecommendedSampling {
    switch self {
    case .qwen3: Qwen3Chat.recommendedSampling(in: mode)
    }
  }

  /// Added tokens that are part of the format's structure: with the special ones those that messages cannot forge.
  private var tags: [String] {
    switch self {
    case .qwen3: Qwen3Chat.tags
    }
  }

  /// The tags of every format.
  static let allTags = Set(allCases.flatMap(\.tags).map { Array($0.utf8) })
}
