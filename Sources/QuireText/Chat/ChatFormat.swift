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
package enum ChatFormat: Sendable, Equatable {
  /// Qwen3's two published templates, which render identically.
  case qwen3
  /// The model's own template, which is interpreted.
  case template(TemplateFormat)

  /// The name in options, packs and messages.
  package var name: String {
    switch self {
    case .qwen3: "qwen3"
    case .template: Self.templateName
    }
  }

  /// The name of every format that is the model's own template.
  static let templateName = "template"

  /// The formats that need no template.
  package static let builtIn: [ChatFormat] = [.qwen3]

  /// The built-in format of this name.
  package init?(name: String) {
    guard let format = Self.builtIn.first(where: { $0.name == name }) else { return nil }
    self = format
  }

  /// Renders a chat.
  ///
  /// - Parameters:
  ///   - tools: JSON schemas of functions, as in OpenAI's `tools`; empty for a chat without tools.
  ///   - mode: Has an effect only with `addGenerationPrompt`. A template gets it as `enable_thinking`.
  ///   - arguments: Further variables of a template; Qwen3's templates read none.
  ///   - addGenerationPrompt: Whether the prompt ends with the start of the assistant's next message.
  ///   - continueFinalMessage: Whether the model continues the last message, which must be the assistant's and have
  ///     content. Not together with `addGenerationPrompt`.
  package func render(
    messages: [ChatMessage], tools: [JSONValue] = [], mode: ThinkingMode = .thinking,
    arguments: JSONObject = [:], addGenerationPrompt: Bool = true, continueFinalMessage: Bool = false
  ) throws(TextError) -> ChatPrompt {
    precondition(
      !(addGenerationPrompt && continueFinalMessage),
      "a message cannot be continued and followed by another at once")
    switch self {
    case .qwen3:
      return try Qwen3Chat.render(
        messages: messages, tools: tools, generationMode: addGenerationPrompt ? mode : nil,
        continueFinalMessage: continueFinalMessage)
    case .template(let format):
      return try format.render(
        messages: messages, tools: tools, mode: mode, arguments: arguments,
        addGenerationPrompt: addGenerationPrompt, continueFinalMessage: continueFinalMessage)
    }
  }

  /// Whether an answer to this prompt starts inside the reasoning. This is read from the prompt itself, not from the
  /// mode: a message may also have opened or closed the reasoning.
  package func startsInThinking(_ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer) -> Bool
  {
    switch self {
    case .qwen3: Qwen3Chat.startsInThinking(prompt, tokenizer)
    case .template(let format): format.startsInThinking(prompt, tokenizer)
    }
  }

  /// Whether nothing of the answer is in the prompt, so that the model itself decides whether it thinks: its first
  /// token may open a thought.
  package func mayOpenThought(_ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer) -> Bool {
    switch self {
    case .qwen3: Qwen3Chat.mayOpenThought(prompt, tokenizer)
    case .template(let format): format.mayOpenThought(prompt, tokenizer)
    }
  }

  /// The mode that the last soft switch of a chat asks for; nil without a switch. The prompt does not depend on it: the
  /// model itself has learned to obey it.
  package func softSwitch(in messages: [ChatMessage]) -> ThinkingMode? {
    switch self {
    case .qwen3: Qwen3Chat.softSwitch(in: messages)
    // A template without the switch belongs to a model that was not trained on soft switches.
    case .template(let format): format.hasThinkingSwitch ? Qwen3Chat.softSwitch(in: messages) : nil
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
    case .qwen3, .template: Qwen3Chat.closingSentence
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
    case .qwen3, .template:
      AnswerSplitter(startsInThinking: startsInThinking, splitsToolCalls: splitsToolCalls)
    }
  }

  /// The sampling parameters that the model's authors recommend.
  package func recommendedSampling(in mode: ThinkingMode) -> RecommendedSampling {
    switch self {
    case .qwen3: Qwen3Chat.recommendedSampling(in: mode)
    case .template(let format):
      Qwen3Chat.recommendedSampling(in: format.knowsThoughts ? mode : .nonThinking)
    }
  }

  /// Added tokens that are part of the structure of built-in formats. Text of messages never becomes one of these or a
  /// special token.
  static let allTags = Set(Qwen3Chat.tags.map { Array($0.utf8) })
}
