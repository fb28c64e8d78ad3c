import QuireJSON

/// The chat format of a model whose template is its own: the interpreter renders it.
///
/// The templates are compiled once, when the model is opened. See ``TemplateProbe`` for what is found out about them.
final class TemplateFormat: Sendable {
  private let source: ChatTemplates
  /// By name, in the order of the file.
  private let programs: [(name: String, program: ChatTemplateProgram)]
  private let specialTokens: [String: String]
  let probe: TemplateProbe
  /// Whether a template knows the role `developer`; if not, such messages are a system's.
  private let knowsDevelopers: Bool

  /// Whether a template asks if a message's content is none, as DeepSeek's does. A message without content then has
  /// `content` none, as clients send it; for other templates, which may print it, the member is absent.
  private let asksForNoContent: Bool

  /// Compiles the templates, of which there must be at least one.
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
    let developer = Array("developer".utf8)
    knowsDevelopers = programs.contains { $0.program.literals().contains { $0.contains(developer) } }
    asksForNoContent = templates.templates.contains {
      $0.text.firstMatch(of: /content['"]?\]?\s+is\s+(not\s+)?none/) != nil
    }
    let plain = Self.program(programs, hasTools: false) ?? programs[0].program
    probe = try TemplateProbe(
      plain: plain, tools: Self.program(programs, hasTools: true) ?? plain, specialTokens: specialTokens)
  }

  /// The name of a template that does not read the messages, so that it would ignore the chat.
  var templateWithoutMessages: String? { programs.first { !$0.program.reads("messages") }?.name }

  /// Whether a variable of a chat reaches the prompt.
  ///
  /// - Parameter name: Of the template; nil for the one that is chosen by whether the chat has tools.
  func reads(_ variable: String, template name: String?, hasTools: Bool) -> Bool {
    (try? program(named: name, hasTools: hasTools))?.reads(variable) ?? false
  }

  /// The names of the templates.
  var names: [String] { programs.map(\.name) }

  /// The variables that the templates read.
  var variables: [String] { programs.flatMap { $0.program.variables } }

  /// Identifies the templates.
  var fingerprint: String {
    source.templates.map { "\($0.name) \(String($0.fingerprint, radix: 16))" }.joined(separator: ", ")
  }

  /// Renders a chat.
  func render(
    _ input: ChatInput, addGenerationPrompt: Bool, continueFinalMessage: Bool
  ) throws(TextError) -> ChatPrompt {
    let program = try program(named: input.template, hasTools: !input.tools.isEmpty)
    let arguments = input.arguments
    var chat = TemplateChat(messages: .array(input.messages.map(json)))
    chat.tools = input.tools.isEmpty ? nil : .array(input.tools)
    chat.documents = input.documents.isEmpty ? nil : .array(input.documents)
    chat.addGenerationPrompt = addGenerationPrompt
    chat.continueFinalMessage = continueFinalMessage
    chat.arguments = arguments
    // Without a wish the template decides itself.
    if input.mode == .nonThinking, arguments[TemplateProbe.thinkingSwitch] == nil {
      chat.arguments[TemplateProbe.thinkingSwitch] = false
    }
    chat.specialTokens = specialTokens
    chat.keepsNullContent = asksForNoContent
    do {
      return try program.render(chat)
    } catch {
      throw .template(error)
    }
  }

  private func program(named name: String?, hasTools: Bool) throws(TextError) -> ChatTemplateProgram {
    guard let name else {
      if let program = Self.program(programs, hasTools: hasTools) { return program }
      throw .chatFormat(found: "only named ones without a default one in \(source.source)")
    }
    guard let named = programs.first(where: { $0.name == name }) else {
      throw .templateName(name, known: names)
    }
    return named.program
  }

  /// The template that `transformers` chooses from a list: `tool_use` for a chat with tools, if there is one, or else
  /// the default one.
  private static func program(
    _ programs: [(name: String, program: ChatTemplateProgram)], hasTools: Bool
  ) -> ChatTemplateProgram? {
    let names = (hasTools ? ["tool_use"] : []) + [ChatTemplates.Template.defaultName]
    return names.lazy.compactMap { name in programs.first { $0.name == name }?.program }.first
  }

  /// Whether an answer to this prompt starts inside a thought. Only the last turn counts: a template may write tags
  /// into the text of a system message.
  func startsInThinking(
    _ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer, _ tags: ReasoningTags
  ) -> Bool {
    guard let turn = turnStart(tokenizer), turn != tokenizer.addedTokenID(of: tags.start),
      let start = prompt.lastIndex(of: turn)
    else { return tags.isOpen(atEndOf: prompt, tokenizer) }
    return tags.isOpen(atEndOf: prompt[start...], tokenizer)
  }

  /// The control token with which the template begins an answer.
  private func turnStart(_ tokenizer: Tokenizer) -> Int32? {
    probe.answerHead.flatMap { tokenizer.encode($0).first(where: tokenizer.isControl) }
  }

  /// Whether the prompt ends with the start of an answer, in which the model may open a thought.
  func mayOpenThought(
    _ prompt: some BidirectionalCollection<Int32>, _ tokenizer: Tokenizer, _ tags: ReasoningTags
  ) -> Bool {
    guard let head = probe.answerHead, !head.isEmpty, !head.contains(tags.start) else { return false }
    let tail = tokenizer.decode(Array(prompt.suffix(head.utf8.count)))
    return tail.reversed().starts(with: head.utf8.reversed())
  }

  /// The added tokens, with those marked that are part of the templates' structure.
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
  static func == (left: TemplateFormat, right: TemplateFormat) -> Bool {
    left.source == right.source && left.specialTokens == right.specialTokens
  }
}

extension TemplateFormat {
  /// A message as the template reads it.
  private func json(_ message: ChatMessage) -> JSONValue {
    let isDeveloper = message.isDeveloper && knowsDevelopers
    var members: JSONObject = ["role": isDeveloper ? "developer" : .string(message.role.rawValue)]
    if let content = message.content ?? message.parts?.joined(separator: "\n") {
      let asParts = probe.wantsParts || message.parts != nil && probe.partRoles.contains(message.role)
      let parts = (message.parts ?? [content]).map { ["type": "text", "text": .string($0)] as JSONValue }
      members["content"] = asParts ? .array(parts) : .string(content)
    } else if asksForNoContent {
      members["content"] = .null
    }
    if let reasoning = message.reasoningContent { members["reasoning_content"] = .string(reasoning) }
    if !message.toolCalls.isEmpty { members["tool_calls"] = .array(message.toolCalls.map(json)) }
    if let name = message.name { members["name"] = .string(name) }
    if let id = message.toolCallID { members["tool_call_id"] = .string(id) }
    return .object(members)
  }

  /// Most templates expect arguments as an object, whereas clients send its JSON text. Other text stays text.
  private func json(_ call: ChatToolCall) -> JSONValue {
    let parsed = call.withParsedArguments
    let arguments: JSONValue = probe.wantsArgumentText ? .string(parsed.argumentsText) : parsed.arguments
    var members = JSONObject()
    if let id = call.id { members["id"] = .string(id) }
    members["type"] = "function"
    members["function"] = ["name": .string(call.name), "arguments": arguments]
    return .object(members)
  }
}
