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
    let tools = try ToolDefinition.list(reader) { value, index throws(ServingError) in
      let tool = try reader.block(value, "tools", index)
      try tool.checkTool("function", others: "OpenAI's servers or clients define")
      repeated.append(try Self.repeated(tool.fields))
      return try ToolDefinition(tool.fields, parameters: "parameters")
    }
    definitions = repeated
    choice = reader.value("tool_choice") ?? "auto"
    fields = try ToolFields(tools, reader)
  }

  private static func repeated(_ tool: FieldReader) throws(ServingError) -> JSONValue {
    [
      "type": "function", "name": tool.value("name") ?? .null,
      "description": tool.value("description") ?? .null, "parameters": tool.value("parameters") ?? .null,
      "strict": .bool(try tool.bool("strict") ?? false),
    ]
  }
}
