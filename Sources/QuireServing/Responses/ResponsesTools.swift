import QuireJSON

/// The tools of OpenAI's Responses API: functions whose members are not nested.
struct ResponsesTools: Sendable {
  static let shape: [String: RequestShape] = [
    "tools": .array(of: .members(["type", "name", "description", "parameters", "strict"])),
    "tool_choice": .object([
      "type": .any, "name": .any, "mode": .any, "tools": .array(of: .members(["type", "name"])),
    ]), "parallel_tool_calls": .any,
  ]

  let fields: ToolFields
  /// The tools and the choice as the answer repeats them.
  let definitions: [JSONValue]
  let choice: JSONValue

  init(_ reader: FieldReader) throws(ServingError) {
    var repeated: [JSONValue] = []
    var tools = try ToolDefinition.list(reader) { value, index throws(ServingError) in
      let tool = try reader.block(value, "tools", index)
      try tool.checkTool("function", others: "OpenAI's servers run")
      repeated.append(try Self.repeated(tool.fields))
      return try ToolDefinition(tool.fields, parameters: "parameters")
    }
    definitions = repeated
    choice = reader.value("tool_choice") ?? "auto"
    if choice["type"]?.stringValue == "allowed_tools", let allowed = try reader.object("tool_choice") {
      let names = try Self.allowedNames(allowed, among: Set(tools.map(\.name)))
      tools = tools.filter { names.contains($0.name) }
      fields = ToolFields(
        tools, choice: try Self.mode(allowed, among: names),
        allowsParallelCalls: try reader.bool("parallel_tool_calls") ?? true)
    } else {
      fields = ToolFields(
        tools, choice: try ToolChoice(reader, names: Set(tools.map(\.name))),
        allowsParallelCalls: try reader.bool("parallel_tool_calls") ?? true)
    }
  }

  private static func repeated(_ tool: FieldReader) throws(ServingError) -> JSONValue {
    [
      "type": "function", "name": tool.value("name") ?? .null,
      "description": tool.value("description") ?? .null, "parameters": tool.value("parameters") ?? .null,
      "strict": .bool(try tool.bool("strict") ?? false),
    ]
  }

  /// The functions that `allowed_tools` names. The model sees no others.
  private static func allowedNames(
    _ choice: FieldReader, among names: Set<String>
  ) throws(ServingError) -> Set<String> {
    var allowed: Set<String> = []
    for (index, value) in (try choice.array("tools", of: "tools") ?? []).enumerated() {
      let tool = try choice.block(value, "tools", index)
      allowed.insert(
        try ToolChoice.checked(tool.fields.string("name"), path: tool.fields.prefix + "name", among: names))
    }
    return allowed
  }

  private static func mode(
    _ choice: FieldReader, among names: Set<String>
  ) throws(ServingError) -> ToolChoice {
    switch try choice.string("mode") {
    case "auto", nil: return .auto
    case "required": return try ToolChoice.required("required", among: names)
    case let mode?:
      throw choice.wrong("mode", expected: "\"auto\" or \"required\"", found: .string(mode))
    }
  }
}
