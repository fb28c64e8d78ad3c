import QuireJSON
import QuireText

/// The conversation of a request and how it becomes a prompt.
struct ChatPromptFields: Sendable {
  static let shape: [String: RequestShape] =
    ["messages": MessageFields.shape] + ToolFields.shape + ThinkingFields.shape
    + .any(["add_generation_prompt", "continue_final_message"]) + TemplateFields.shape

  /// The name of the messages in error messages.
  let field: String
  let messages: [ChatMessage]
  let tools: ToolFields
  /// The mode of the prompt.
  let mode: ThinkingMode
  /// Variables of the model's own chat template.
  let templateArguments: JSONObject
  let template: TemplateFields
  /// Most tokens of reasoning; `nil` for no limit.
  let thinkingBudget: Int?
  /// Whether the prompt ends with the beginning of an assistant's turn.
  let addsGenerationPrompt: Bool
  /// Whether the last message is an answer to be continued.
  let continuesFinalMessage: Bool

  /// `thinking` applies where the request says nothing.
  init(_ reader: FieldReader, thinking: ThinkingDefaults) throws(ServingError) {
    field = "messages"
    messages = ToolResultOrder.byCalls(try MessageFields.read(reader))
    tools = try ToolFields(reader)
    let fields = try ThinkingFields(reader)
    mode = fields.mode ?? thinking.mode
    templateArguments = fields.templateArguments
    template = try TemplateFields(reader)
    thinkingBudget = fields.budget.map(\.count) ?? thinking.budget
    continuesFinalMessage = try reader.bool("continue_final_message") ?? false
    addsGenerationPrompt = try reader.bool("add_generation_prompt") ?? !continuesFinalMessage
    try Self.check(messages, continues: continuesFinalMessage, adds: addsGenerationPrompt)
  }

  /// The mode whose sampling defaults apply.
  func samplingMode(_ format: ChatFormat) -> ThinkingMode {
    format.samplingMode(mode, budget: thinkingBudget, messages: messages)
  }

  /// A conversation that another API describes. It continues the last message or asks for a new one.
  init(
    field: String, messages: [ChatMessage], tools: ToolFields, mode: ThinkingMode, thinkingBudget: Int?,
    continuesFinalMessage: Bool, templateArguments: JSONObject = [:]
  ) {
    self.field = field
    self.messages = ToolResultOrder.byCalls(messages)
    self.tools = tools
    self.mode = mode
    self.templateArguments = templateArguments
    template = TemplateFields()
    self.thinkingBudget = thinkingBudget
    self.continuesFinalMessage = continuesFinalMessage
    addsGenerationPrompt = !continuesFinalMessage
  }

  /// The prompt's tokens. Text of messages never becomes a special token, whatever it says.
  func tokens(
    _ tokenizer: Tokenizer, _ format: ChatFormat, limit: TextLimit
  ) throws(ServingError) -> [Int32] {
    try prompt(format, limit: limit).tokens(tokenizer)
  }

  /// The rendered conversation.
  func prompt(_ format: ChatFormat, limit: TextLimit) throws(ServingError) -> ChatPrompt {
    try template.check(format, hasTools: !tools.tools.isEmpty)
    guard tools.tools.isEmpty || format.showsTools(template: template.name) else {
      throw .rejected(
        .badField(
          "tools",
          "tools: expected none, because the model's chat template does not show tools to the model, found "
            + "\(tools.tools.count); leave them out or send \"tool_choice\": \"none\""))
    }
    let prompt: ChatPrompt
    do {
      let input = ChatInput(
        messages: messages, tools: tools.tools, mode: mode, arguments: templateArguments,
        template: template.name, documents: template.documents)
      prompt = try format.render(
        input, addGenerationPrompt: addsGenerationPrompt, continueFinalMessage: continuesFinalMessage)
    } catch {
      throw .rejected(.badField(field, error.description))
    }
    try limit.check(prompt.pieces.reduce(0) { $0 + $1.text.utf8.count }, field: field)
    return prompt
  }

  private static func check(_ messages: [ChatMessage], continues: Bool, adds: Bool) throws(ServingError) {
    guard continues else { return }
    let field = "continue_final_message"
    if adds {
      throw .rejected(
        .badField(
          field,
          "\(field): expected false with \"add_generation_prompt\": true, because a message is either continued or "
            + "followed by a new one, found true; send one of the two"))
    }
    guard let last = messages.last else { return }
    if last.role == .assistant { try check(last, field) }
    if last.role != .assistant || last.content == nil {
      throw .rejected(
        .badField(
          field,
          "\(field): expected a last message of the assistant's with content, found "
            + (last.role == .assistant ? "one without content" : "one of the role \"\(last.role.rawValue)\"")
            + "; add the beginning of an answer"))
    }
  }

  /// Refuses what a prompt cannot leave open: it would lack the calls, and end the reasoning.
  private static func check(_ last: ChatMessage, _ field: String) throws(ServingError) {
    let found: String
    if !last.toolCalls.isEmpty {
      found = "tool calls"
    } else if last.onlyReasons {
      found = "only reasoning"
    } else {
      return
    }
    throw .rejected(
      .badField(
        field,
        "\(field): expected a last message of the assistant's whose content can be continued, found one with \(found); "
          + "leave out the message or add the beginning of an answer"))
  }
}

extension ChatMessage {
  /// Whether the message has reasoning and an empty content. The reasoning cannot be continued: it is closed before the
  /// content, and the model would answer from a fragment.
  var onlyReasons: Bool { content == "" && reasoningContent?.isEmpty == false }
}
