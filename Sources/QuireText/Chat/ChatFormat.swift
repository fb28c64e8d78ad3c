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
/// The format is chosen once, when the model is opened: see ``ChatFormatChoice``. To add a built-in renderer, add a
/// case to ``Renderer`` and a folder next to `Qwen3`; the methods only forward.
package struct ChatFormat: Sendable, Equatable {
  enum Renderer: Sendable, Equatable {
    /// Qwen3's two published templates, which render identically.
    case qwen3
    /// The model's own template, which is interpreted.
    case template(TemplateFormat)
  }

  let renderer: Renderer
  /// How answers are spelled.
  package let answer: AnswerForm

  /// Qwen3's format.
  package static let qwen3 = ChatFormat(renderer: .qwen3, answer: .qwen3)

  /// The names that `--chat-format` knows: a built-in format, or the model's own template.
  package static let names = ["qwen3", templateName]
  static let templateName = "template"

  /// The name in options, packs and messages.
  package var name: String {
    switch renderer {
    case .qwen3: "qwen3"
    case .template: Self.templateName
    }
  }

  /// Renders a chat; see ``ChatInput`` for what it consists of.
  ///
  /// - Parameters:
  ///   - addGenerationPrompt: Whether the prompt ends with the start of the assistant's next message.
  ///   - continueFinalMessage: Whether the model continues the last message, which must be the assistant's and have
  ///     content. Not together with `addGenerationPrompt`.
  package func render(
    _ input: ChatInput, addGenerationPrompt: Bool = true, continueFinalMessage: Bool = false
  ) throws(TextError) -> ChatPrompt {
    precondition(
      !(addGenerationPrompt && continueFinalMessage),
      "a message cannot be continued and followed by another at once")
    switch renderer {
    case .qwen3:
      if let name = input.template, !templateNames.contains(name) {
        throw .templateName(name, known: templateNames)
      }
      let isOff = input.arguments[TemplateProbe.thinkingSwitch]?.boolValue == false
      let mode = isOff ? .nonThinking : input.mode
      return try Qwen3Chat.render(
        messages: input.messages, tools: input.tools, generationMode: addGenerationPrompt ? mode : nil,
        continueFinalMessage: continueFinalMessage)
    case .template(let format):
      return try format.render(
        input, addGenerationPrompt: addGenerationPrompt, continueFinalMessage: continueFinalMessage)
    }
  }

  /// Renders a chat of messages and tools.
  package func render(
    messages: [ChatMessage], tools: [JSONValue] = [], mode: ThinkingMode = .thinking,
    arguments: JSONObject = [:], addGenerationPrompt: Bool = true, continueFinalMessage: Bool = false
  ) throws(TextError) -> ChatPrompt {
    try render(
      ChatInput(messages: messages, tools: tools, mode: mode, arguments: arguments),
      addGenerationPrompt: addGenerationPrompt, continueFinalMessage: continueFinalMessage)
  }

  /// The variables that a chat may give in `chat_template_kwargs`. Others have no effect.
  package var variables: [String] {
    switch renderer {
    case .qwen3: [TemplateProbe.thinkingSwitch]
    case .template(let format): format.variables
    }
  }

  /// Whether tools can be shown to the model.
  ///
  /// - Parameter template: The name of the template that a chat asks for.
  package func showsTools(template: String? = nil) -> Bool {
    switch renderer {
    case .qwen3: true
    case .template(let format): format.reads("tools", template: template, hasTools: true)
    }
  }

  /// Whether documents can be shown to the model.
  package func showsDocuments(template: String? = nil, hasTools: Bool) -> Bool {
    switch renderer {
    case .qwen3: false
    case .template(let format): format.reads("documents", template: template, hasTools: hasTools)
    }
  }

  /// The names of the templates, of which a chat may name one.
  package var templateNames: [String] {
    switch renderer {
    case .qwen3: [ChatTemplates.Template.defaultName]
    case .template(let format): format.names
    }
  }

  /// Whether an answer to this prompt starts inside the reasoning. This is read from the prompt itself, not from the
  /// mode: a message may also have opened or closed the reasoning.
  package func startsInThinking(_ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer) -> Bool
  {
    guard let tags = answer.reasoning else { return false }
    switch renderer {
    case .qwen3: return Qwen3Chat.startsInThinking(prompt, tokenizer, tags)
    case .template(let format): return format.startsInThinking(prompt, tokenizer, tags)
    }
  }

  /// Whether nothing of the answer is in the prompt, so that the model itself decides whether it thinks: its first
  /// token may open a thought.
  package func mayOpenThought(_ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer) -> Bool {
    guard let tags = answer.reasoning else { return false }
    switch renderer {
    case .qwen3: return Qwen3Chat.mayOpenThought(prompt, tokenizer)
    case .template(let format): return format.mayOpenThought(prompt, tokenizer, tags)
    }
  }

  /// The mode that the last soft switch of a chat asks for; nil without a switch. The prompt does not depend on it: the
  /// model itself has learned to obey it.
  package func softSwitch(in messages: [ChatMessage]) -> ThinkingMode? {
    // A template without the switch belongs to a model that was not trained on soft switches.
    canSwitchThoughts ? Qwen3Chat.softSwitch(in: messages) : nil
  }

  /// Whether both modes have the same prompt, so that asking in both of them would ask the same twice.
  package var rendersModesAlike: Bool {
    let chat = [ChatMessage(role: .user, content: "Hi")]
    guard let thinking = try? render(messages: chat, mode: .thinking) else { return false }
    return (try? render(messages: chat, mode: .nonThinking)) == thinking
  }

  /// Whether `enable_thinking` decides whether the model thinks.
  package var canSwitchThoughts: Bool {
    if answer.reasoning == nil { return false }
    switch renderer {
    case .qwen3: return true
    case .template(let format): return format.probe.canSwitchThoughts
    }
  }

  /// A mode in a word or two, as people see it; nil for a format without thoughts.
  package func thinkingText(_ mode: ThinkingMode) -> String? {
    if answer.reasoning == nil { return nil }
    return mode == .nonThinking && canSwitchThoughts ? "non-thinking" : "thinking"
  }

  /// The mode whose recommended sampling suits an answer: also non-thinking when the model is going to think nothing,
  /// because of a budget of 0, because a soft switch tells it so or because it never thinks.
  package func samplingMode(_ mode: ThinkingMode, budget: Int?, messages: [ChatMessage]) -> ThinkingMode {
    if answer.reasoning == nil || budget == 0 { return .nonThinking }
    guard canSwitchThoughts else { return .thinking }
    return mode == .nonThinking ? mode : softSwitch(in: messages) ?? .thinking
  }

  /// What the model's authors write before the closing tag when they end a thought early.
  package var closingSentence: String { Qwen3Chat.closingSentence }

  /// Qwen3's tags of a thought, and of a tool call.
  package static let thoughtStart = AnswerTag.thinkStart
  package static let thoughtEnd = AnswerTag.thinkEnd
  package static let toolCallStart = AnswerTag.toolCallStart
  package static let toolCallEnd = AnswerTag.toolCallEnd

  /// A splitter for one answer.
  ///
  /// - Parameters:
  ///   - mayThink: If false, an answer that does not start in reasoning is content as it is, line feeds and tags included.
  ///   - splitsToolCalls: If false, calls stay in the content unchanged: for chats without tools.
  ///   - types: The types of the tools' parameters, which some forms of calls do not say.
  package func splitter(
    startsInThinking: Bool, mayThink: Bool = true, splitsToolCalls: Bool,
    types: ToolParameterTypes = ToolParameterTypes()
  ) -> AnswerSplitter {
    AnswerSplitter(
      answer, startsInThinking: startsInThinking, mayThink: mayThink, splitsToolCalls: splitsToolCalls,
      types: types)
  }

  /// The sampling parameters that the model's authors recommend.
  package func recommendedSampling(in mode: ThinkingMode) -> RecommendedSampling {
    Qwen3Chat.recommendedSampling(in: mode)
  }

  /// Added tokens that are part of the structure of built-in formats. Text of messages never becomes one of these or a
  /// special token.
  static let allTags = Set(Qwen3Chat.tags.map { Array($0.utf8) })

  /// The added tokens, with those marked that are part of this format's structure.
  func marked(_ tokens: [AddedToken]) -> [AddedToken] {
    var tokens: [AddedToken] =
      switch renderer {
      case .qwen3: Qwen3Chat.marked(tokens)
      case .template(let format): format.marked(tokens)
      }
    let tags = Set(answer.tags(withCalls: true).map { Array($0.utf8) })
    for index in tokens.indices where tags.contains(tokens[index].content) {
      tokens[index].isTemplateControl = true
    }
    return tokens
  }
}

extension ChatFormat {
  /// As a pack's manifest has it: the name, or for another format than plain Qwen3's also how answers are spelled.
  package var json: JSONValue {
    if self == .qwen3 { return .string(name) }
    var members: JSONObject = ["name": .string(name)]
    for member in answer.members.members { members[member.key] = member.value }
    return .object(members)
  }

  /// Identifies the format with everything that changes prompts and answers.
  package var key: String {
    switch renderer {
    case .qwen3: json.stringValue ?? json.serialized()
    case .template(let format): json.serialized() + " " + format.fingerprint
    }
  }
}
