package import QuireJSON

/// How a model's chats are rendered to prompts, and how its answers are split into parts.
///
/// ```swift
/// let format = try tokenizer.chatFormat.required()
/// let prompt = try format.render(messages: [ChatMessage(role: .user, content: "Hello")], mode: .thinking)
/// let ids = prompt.tokens(tokenizer)
/// var splitter = format.splitter(startsInThinking: format.startsInThinking(ids, tokenizer), splitsToolCalls: true)
/// ```
///
/// The format is chosen once, when the model is opened: see ``ChatFormatChoice``. To add a format, add a case here
/// and a folder next to `Qwen3`; the methods only forward.
package enum ChatFormat: String, Sendable, CaseIterable {
  /// Qwen3's two published templates, which render identically.
  case qwen3

  /// The name in options, packs and messages.
  package var name: String { rawValue }

  /// Renders a chat.
  ///
  /// - Parameters:
  ///   - tools: JSON schemas of functions, as in OpenAI's `tools`; empty for a chat without tools.
  ///   - mode: Has an effect only with `addGenerationPrompt`.
  ///   - addGenerationPrompt: Whether the prompt ends with the start of the assistant's next message.
  ///   - continueFinalMessage: Whether the model continues the last message, which must be the assistant's and have
  ///     content. Not together with `addGenerationPrompt`.
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

  /// Whether an answer to this prompt starts inside the reasoning. This is read from the prompt itself, not from the
  /// mode: a message may also have opened or closed the reasoning.
  package func startsInThinking(_ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer) -> Bool
  {
    switch self {
    case .qwen3: Qwen3Chat.startsInThinking(prompt, tokenizer)
    }
  }

  /// Whether nothing of the answer is in the prompt, so that the model itself decides whether it thinks: its first
  /// token may open a thought.
  package func mayOpenThought(_ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer) -> Bool {
    switch self {
    case .qwen3: Qwen3Chat.mayOpenThought(prompt, tokenizer)
    }
  }

  /// The mode that the last soft switch of a chat asks for; nil without a switch. The prompt does not depend on it: the
  /// model itself has learned to obey it.
  package func softSwitch(in messages: [ChatMessage]) -> ThinkingMode? {
    switch self {
    case .qwen3: Qwen3Chat.softSwitch(in: messages)
    }
  }

  /// The mode whose recommended sampling suits an answer: also non-thinking when the model is going to think nothing,
  /// because of a budget of 0 or because a soft switch tells it so.
  package func samplingMode(_ mode: ThinkingMode, budget: Int?, messages: [ChatMessage]) -> ThinkingMode {
    if mode == .nonThinking || budget == 0 { return .nonThinking }
    return softSwitch(in: messages) ?? .thinking
  }

  /// What the model's authors write before the closing tag when they end a thought early.
  package var closingSentence: String {
    switch self {
    case .qwen3: Qwen3Chat.closingSentence
    }
  }

  /// The tag that opens a thought, and the one that ends it.
  package static let thoughtStart = AnswerTag.thinkStart
  package static let thoughtEnd = AnswerTag.thinkEnd
  /// The tags around a tool call.
  package static let toolCallStart = AnswerTag.toolCallStart
  package static let toolCallEnd = AnswerTag.toolCallEnd

  /// A splitter for one answer.
  ///
  /// - Parameter splitsToolCalls: If false, calls stay in the content unchanged: for chats without tools.
  package func splitter(startsInThinking: Bool, splitsToolCalls: Bool) -> AnswerSplitter {
    switch self {
    case .qwen3: AnswerSplitter(startsInThinking: startsInThinking, splitsToolCalls: splitsToolCalls)
    }
  }

  /// The sampling parameters that the model's authors recommend.
  package func recommendedSampling(in mode: ThinkingMode) -> RecommendedSampling {
    switch self {
    case .qwen3: Qwen3Chat.recommendedSampling(in: mode)
    }
  }

  /// Added tokens that are part of the format's structure. Text of messages never becomes one of these or a special
  /// token.
  private var tags: [String] {
    switch self {
    case .qwen3: Qwen3Chat.tags
    }
  }

  /// The tags of every format.
  static let allTags = Set(allCases.flatMap(\.tags).map { Array($0.utf8) })
}
