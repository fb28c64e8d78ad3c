import QuireJSON

/// The chat format of a model whose template is its own: the interpreter renders it.
///
/// The templates are compiled once, when the model is opened. What the format does with thoughts is found from the
/// template's text and from the rendering of a short chat.
package final class TemplateFormat: Sendable {
  private let source: ChatTemplates
  /// By name, in the order of the file.
  private let programs: [(name: String, program: ChatTemplateProgram)]
  private let specialTokens: [String: String]
  /// What the template adds for an answer; nil when it does not render the short chat.
  private let answerHead: String?
  /// Whether the template knows the end of a thought.
  package let knowsThoughts: Bool
  /// Whether the template reads `enable_thinking`.
  package let hasThinkingSwitch: Bool

  /// Compiles the templates.
  ///
  /// - Parameter specialTokens: See ``specialTokens(_:)``.
  init(_ templates: ChatTemplates, specialTokens: [String: String]) throws(TemplateFault) {
    source = templates
    self.specialTokens = specialTokens
    var programs: [(name: String, program: ChatTemplateProgram)] = []
    for template in templates.templates {
      programs.append((template.name, try ChatTemplateProgram(template.text)))
    }
    self.programs = programs
    knowsThoughts = programs.contains { $0.program.contains(AnswerTag.thinkEnd) }
    hasThinkingSwitch = programs.contains { $0.program.reads("enable_thinking") }
    answerHead = programs.first.flatMap { Self.answerHead($0.program, specialTokens) }
  }

  /// The difference of a short chat with and without the start of an answer.
  private static func answerHead(_ program: ChatTemplateProgram, _ specialTokens: [String: String]) -> String?
  {
    var chat = TemplateChat(messages: [["role": "user", "content": "x"]])
    chat.specialTokens = specialTokens
    guard let closed = try? program.render(chat).text else { return nil }
    chat.addGenerationPrompt = true
    guard let open = try? program.render(chat).text, open.utf8.starts(with: closed.utf8) else { return nil }
    return String(decoding: open.utf8.dropFirst(closed.utf8.count), as: UTF8.self)
  }

  /// Whether every template reads the messages; another one would ignore the chat.
  var readsMessages: Bool { programs.allSatisfy { $0.program.reads("messages") } }

  /// What the format does with thoughts, for the summary.
  var thoughts: String {
    if !knowsThoughts { return "no thoughts" }
    if opensThought { return "each prompt opens a thought" }
    return hasThinkingSwitch ? "enable_thinking switches thoughts" : "the model opens thoughts itself"
  }

  /// Whether the prompt of a short chat ends inside a thought.
  private var opensThought: Bool { answerHead.map(Self.endsInThought) ?? false }

  /// Renders a chat.
  func render(
    messages: [ChatMessage], tools: [JSONValue], mode: ThinkingMode, arguments: JSONObject,
    addGenerationPrompt: Bool, continueFinalMessage: Bool
  ) throws(TextError) -> ChatPrompt {
    var chat = TemplateChat(messages: .array(messages.map(\.templateJSON)))
    chat.tools = tools.isEmpty ? nil : .array(tools)
    chat.addGenerationPrompt = addGenerationPrompt
    chat.continueFinalMessage = continueFinalMessage
    chat.arguments = arguments
    // Without a wish the template decides itself.
    if mode == .nonThinking, arguments["enable_thinking"] == nil {
      chat.arguments["enable_thinking"] = false
    }
    chat.specialTokens = specialTokens
    let program = try program(hasTools: !tools.isEmpty)
    do {
      return try program.render(chat)
    } catch {
      throw .template(error)
    }
  }

  /// The template that `transformers` chooses from a list: `tool_use` for a chat with tools, if there is one, or else
  /// the default one.
  private func program(hasTools: Bool) throws(TextError) -> ChatTemplateProgram {
    let names = (hasTools ? ["tool_use"] : []) + [ChatTemplates.Template.defaultName]
    for name in names {
      if let found = programs.first(where: { $0.name == name }) { return found.program }
    }
    throw .chatFormat(found: "only named ones without a default one in \(source.source)")
  }

  /// Whether an answer to this prompt starts inside a thought. Only the template writes tags into a prompt.
  func startsInThinking(_ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer) -> Bool {
    guard let start = tokenizer.addedTokenID(of: AnswerTag.thinkStart) else {
      // The tag is ordinary text in this vocabulary. A chat's text can spell it too, but only at the prompt's end.
      let tail = tokenizer.decode(Array(prompt.suffix(24)))
      return Self.endsInThought(String(decoding: tail, as: UTF8.self))
    }
    let end = tokenizer.addedTokenID(of: AnswerTag.thinkEnd)
    return prompt.last { $0 == start || $0 == end } == start
  }

  /// Whether the prompt ends with the start of an answer, in which the model may open a thought.
  func mayOpenThought(_ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer) -> Bool {
    guard knowsThoughts, let answerHead, !answerHead.isEmpty, !answerHead.contains(AnswerTag.thinkStart)
    else {
      return false
    }
    let head = tokenizer.encode(answerHead)
    return prompt.suffix(head.count).elementsEqual(head)
  }

  private static func endsInThought(_ text: String) -> Bool {
    let last = text.unicodeScalars.lastIndex { !$0.properties.isWhitespace }
    return last.map { text.unicodeScalars[...$0] }.map { String($0).hasSuffix(AnswerTag.thinkStart) } ?? false
  }

  /// The added tokens, with those marked that are part of this format's structure.
  func marked(_ tokens: [AddedToken]) -> [AddedToken] {
    TemplateTokenizer.marked(tokens, literals: programs.flatMap { $0.program.literals() })
  }

  /// The variables `bos_token` and its like, from tokenizer_config.json.
  static func specialTokens(_ configuration: JSONValue?) -> [String: String] {
    let names = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"].map { $0 + "_token" }
    var tokens: [String: String] = [:]
    for name in names {
      let value = configuration?[name]
      tokens[name] = value?.stringValue ?? value?["content"]?.stringValue
    }
    return tokens
  }
}

extension TemplateFormat: Equatable {
  /// Formats with the same templates render the same.
  package static func == (left: TemplateFormat, right: TemplateFormat) -> Bool {
    left.source == right.source && left.specialTokens == right.specialTokens
  }
}
