import QuireJSON

/// What is found out about a chat template from short chats that it renders, and from the words in it.
struct TemplateProbe: Sendable, Equatable {
  /// How answers are spelled.
  private(set) var answer = AnswerForm(reasoning: nil, tools: .none)
  /// What the template adds for an answer; nil when it does not render the short chat.
  private(set) var answerHead: String?
  /// Whether `enable_thinking` changes the prompt.
  private(set) var canSwitchThoughts = false
  /// Whether the template wants the content of messages as a list of parts.
  private(set) var wantsParts = false
  /// The roles whose messages may have a list of text parts as their content.
  private(set) var partRoles: Set<ChatMessage.Role> = []
  /// Whether the template wants the arguments of calls as their JSON text instead of as an object.
  private(set) var wantsArgumentText = false

  static let thinkingSwitch = "enable_thinking"

  private static let question = "probe-question"
  private static let tool = "probe_tool"
  private static let key = "probe_key"

  /// Throws only when the template needs more steps or text than any template may use.
  ///
  /// - Parameters:
  ///   - plain: The template of chats without tools.
  ///   - tools: That of chats with tools.
  init(
    plain: ChatTemplateProgram, tools: ChatTemplateProgram, specialTokens: [String: String]
  ) throws(TemplateFault) {
    let literals = [plain, tools].flatMap { $0.literals() }
    func writes(_ word: String) -> Bool { literals.contains { $0.contains(Array(word.utf8)) } }
    func render(_ program: ChatTemplateProgram, _ chat: TemplateChat) throws(TemplateFault) -> String? {
      var chat = chat
      chat.specialTokens = specialTokens
      do throws(TemplateFault) {
        return try program.render(chat).text
      } catch {
        if error.kind == .limit { throw error }
        return nil
      }
    }
    func open(_ arguments: JSONObject = [:], addsHead: Bool = true) throws(TemplateFault) -> String? {
      var chat = TemplateChat(messages: [Self.user(asParts: wantsParts)])
      chat.arguments = arguments
      chat.addGenerationPrompt = addsHead
      return try render(plain, chat)
    }
    let text = try render(plain, TemplateChat(messages: [Self.user(asParts: false)]))
    if text?.contains(Self.question) != true {
      let parts = try render(plain, TemplateChat(messages: [Self.user(asParts: true)]))
      wantsParts = parts?.contains(Self.question) == true
    }
    if let closed = try open(addsHead: false), let whole = try open(), whole.utf8.starts(with: closed.utf8) {
      answerHead = String(decoding: whole.utf8.dropFirst(closed.utf8.count), as: UTF8.self)
    }
    if let tags = ReasoningTags.known.first(where: { writes($0.end) }) {
      answer.reasoning = tags
      let off = try open([Self.thinkingSwitch: false])
      canSwitchThoughts = try off != open([Self.thinkingSwitch: true])
    }
    for role in ChatMessage.Role.allCases {
      let text = try render(plain, TemplateChat(messages: Self.parts(role)))
      if Self.showsParts(text) { partRoles.insert(role) }
    }
    let asObject = try render(tools, Self.call(arguments: [Self.key: "v"], asParts: wantsParts))
    let asText = try render(
      tools, Self.call(arguments: .string(#"{"\#(Self.key)": "v"}"#), asParts: wantsParts))
    wantsArgumentText = Self.spells(asText) && !Self.spells(asObject)
    if tools.reads("tools") {
      answer.tools = Self.form(of: wantsArgumentText ? asText : asObject, writes)
    }
  }

  /// Whether the prompt of a short chat ends inside a thought.
  func opensThought(_ tags: ReasoningTags) -> Bool { answerHead.map(tags.isOpen(atEndOf:)) ?? false }

  private static func user(asParts: Bool) -> JSONValue {
    ["role": "user", "content": asParts ? [["type": "text", "text": .string(question)]] : .string(question)]
  }

  private static let parts = ["probe-first", "probe-second"]

  /// A chat in which a message of a role has parts.
  private static func parts(_ role: ChatMessage.Role) -> JSONValue {
    let content = JSONValue.array(parts.map { ["type": "text", "text": .string($0)] })
    let question: JSONValue = ["role": "user", "content": .string(question)]
    let message: JSONValue = ["role": .string(role.rawValue), "content": content]
    switch role {
    case .system: return [message, question]
    case .user: return [message]
    case .assistant: return [question, message, question]
    case .tool:
      let function: JSONValue = ["name": .string(tool), "arguments": [:]]
      let call: JSONValue = ["id": "callprobe", "type": "function", "function": function]
      let asked: JSONValue = ["role": "assistant", "content": "", "tool_calls": [call]]
      return [
        question, asked,
        ["role": "tool", "content": content, "name": .string(tool), "tool_call_id": "callprobe"],
      ]
    }
  }

  /// Whether the texts of both parts are written, but not the list itself.
  private static func showsParts(_ text: String?) -> Bool {
    guard let text, parts.allSatisfy(text.contains) else { return false }
    return !["'text'", "\"text\""].contains(where: text.contains)
  }

  /// A chat with a call in it. Some templates want ids of nine letters.
  private static func call(arguments: JSONValue, asParts: Bool) -> TemplateChat {
    let function: JSONValue = ["name": .string(tool), "arguments": arguments]
    let schema: JSONValue = [
      "type": "function",
      "function": [
        "name": .string(tool), "description": "d",
        "parameters": ["type": "object", "properties": [key: ["type": "string", "description": "d"]]],
      ],
    ]
    let call: JSONValue = ["id": "callprobe", "type": "function", "function": function]
    return TemplateChat(
      messages: [user(asParts: asParts), ["role": "assistant", "content": "", "tool_calls": [call]]],
      tools: [schema])
  }

  /// The text after the question: the call, and what ends the turn.
  private static func answer(in text: String?) -> String? {
    text.flatMap { $0.components(between: question).last }
  }

  /// Whether a rendered call has its arguments as JSON or in tags.
  private static func spells(_ text: String?) -> Bool {
    guard let answer = answer(in: text) else { return false }
    return answer.contains("\"\(key)\"") || answer.contains("=\(key)>")
  }

  private static func form(of text: String?, _ writes: (String) -> Bool) -> ToolCallForm {
    if let answer = answer(in: text), answer.contains(tool) {
      let form = Self.form { answer.contains($0) }
      if form != .none { return form }
      let compact = answer.filter { !$0.isWhitespace }
      let isJSON = ["parameters", "arguments"].contains {
        compact.contains("{\"name\":\"\(tool)\",\"\($0)\":{")
      }
      if isJSON && !compact.contains("<") { return .json }
    }
    // The template may leave past calls out, or refuse the short chat.
    return Self.form(writes)
  }

  private static func form(_ has: (String) -> Bool) -> ToolCallForm {
    if has(AnswerTag.toolCallStart) {
      if has("<function=") { return .qwen3Coder }
      // Other models put other things between the same tags.
      return has("<arg_key>") ? .none : .hermes
    }
    if has(DeepSeekCall.start) { return .deepseek }
    return has(MistralCall.mark) ? .mistral : .none
  }
}
