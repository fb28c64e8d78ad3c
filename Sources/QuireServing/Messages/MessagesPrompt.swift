import QuireJSON
import QuireText

/// Reads what becomes the prompt in Anthropic's Messages API: system prompt, messages, tools and mode.
enum MessagesPrompt {
  static let shape: [String: RequestShape] = [
    "messages": MessagesConversation.shape, "system": MessagesConversation.textShape,
    "tools": .array(
      of: .types(
        [
          toolType: .members(["type", "name", "description", "input_schema", "strict", "cache_control"])
        ], standard: toolType)),
    "tool_choice": .members(["type", "name", "disable_parallel_tool_use"]),
    "thinking": .object(["type": .any, "display": .words(displays), "budget_tokens": .any]),
  ]

  /// The type of a tool that the client runs.
  fileprivate static let toolType = "custom"

  private static let omitted = "omitted"
  private static let displays = ["summarized", omitted]

  /// - Parameter thinking: Whose budget applies where the request has none.
  static func read(
    _ reader: FieldReader, thinking: ThinkingDefaults
  ) throws(ServingError) -> ChatPromptFields {
    var (messages, continuesLast) = try MessagesConversation.read(reader)
    if let system = try TextBlocks.read(reader, "system", types: ["text"]), !system.isEmpty {
      messages.insert(ChatMessage(role: .system, content: system), at: 0)
    }
    let budget = try reader.object("thinking")?.int("budget_tokens", in: 0...Int(Int32.max))
    return ChatPromptFields(
      field: "messages", messages: messages, tools: try tools(reader), mode: try mode(reader),
      thinkingBudget: budget ?? thinking.budget,
      continuesFinalMessage: continuesLast)
  }

  /// As in Anthropic's API the model thinks only when the request asks for it, and `adaptive` asks for it. Clients that
  /// do not ask expect text within a small `max_tokens`.
  private static func mode(_ reader: FieldReader) throws(ServingError) -> ThinkingMode {
    guard let thinking = try reader.object("thinking") else { return .nonThinking }
    switch try thinking.string("type") {
    case "enabled", "adaptive": return .thinking
    case "disabled": return .nonThinking
    default:
      throw thinking.wrong(
        "type", expected: "one of enabled, adaptive, disabled", found: thinking.value("type") ?? .null,
        advice: .correct)
    }
  }

  /// Whether the answer shows the reasoning. A display that is not known changes only how it is shown.
  static func includesReasoning(_ reader: FieldReader) throws(ServingError) -> Bool {
    try reader.object("thinking")?.string("display") != omitted
  }

  // MARK: Tools

  /// Tools that Anthropic's servers or clients define are left out beside tools that the client runs. A request that has no
  /// other tools is for their results, which an answer without them would only invent.
  private static func tools(_ reader: FieldReader) throws(ServingError) -> ToolFields {
    let choice = try reader.object("tool_choice")
    let leavesOut = reader.hasOwnTool && choice?.value("type")?.stringValue != "any"
    let tools = try ToolDefinition.list(reader) { value, index throws(ServingError) in
      let tool = try reader.block(value, "tools", index, standard: toolType)
      if leavesOut && tool.type != toolType { return [] }
      try tool.checkTool(toolType, others: "Anthropic's servers or clients define")
      guard tool.fields.value("input_schema") != nil else {
        let field = tool.fields.prefix + "input_schema"
        throw .rejected(.badField(field, "\(field): expected a JSON Schema, found none; send one"))
      }
      return [try ToolDefinition(tool.fields, parameters: "input_schema")]
    }
    let names = Set(tools.map(\.name))
    guard let choice else {
      return ToolFields(tools, choice: .auto, allowsParallelCalls: true)
    }
    let isSingle = try choice.bool("disable_parallel_tool_use") ?? false
    return ToolFields(
      tools, choice: try toolChoice(choice, among: names), allowsParallelCalls: !isSingle)
  }

  private static func toolChoice(
    _ choice: FieldReader, among names: Set<String>
  ) throws(ServingError) -> ToolChoice {
    switch try choice.string("type") {
    case "auto": return .auto
    case "none": return .none
    case "any": return try ToolChoice.required("any", among: names)
    case "tool":
      return .function(
        try ToolChoice.checked(choice.string("name"), path: choice.prefix + "name", among: names))
    default:
      throw choice.wrong(
        "type", expected: "one of auto, any, tool, none", found: choice.value("type") ?? .null,
        advice: .correct)
    }
  }
}

extension FieldReader {
  /// Whether one of the tools is one that the client runs.
  fileprivate var hasOwnTool: Bool {
    value("tools")?.arrayValue?.contains {
      ($0["type"]?.stringValue ?? MessagesPrompt.toolType) == MessagesPrompt.toolType
    } ?? false
  }
}
