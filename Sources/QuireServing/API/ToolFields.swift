import QuireGrammar
import QuireJSON

/// Reads the tools of a chat request and whether the model may or must call them.
struct ToolFields: Sendable {
  static let shape: [String: RequestShape] = [
    "tools": .array(of: .object(["type": .any, "function": .members(functionMembers)])),
    "tool_choice": ToolChoice.shape, "parallel_tool_calls": .any,
  ]

  /// The members of a function that reach the prompt; `transformers` adds `return` for a Python function.
  private static let functionMembers = ["name", "description", "parameters", "strict", "return"]

  /// The tools in the prompt: none when the model must not call any.
  let tools: [JSONValue]
  /// The same tools as constraints on calls need them.
  let functions: [ConstrainedTool]
  let choice: ToolChoice
  /// Whether an answer may have more than one call. If not, a forced answer has one, and of others only the first is
  /// returned.
  let allowsParallelCalls: Bool

  /// The tools and the choice of a chat completion.
  init(_ reader: FieldReader) throws(ServingError) {
    let tools = try ToolDefinition.list(reader) { tool, index throws(ServingError) in
      [try Self.tool(tool, index: index)]
    }
    try self.init(tools, reader)
  }

  /// Reads `tool_choice` and `parallel_tool_calls`.
  ///
  /// - Parameter isNested: whether the API has the name of a chosen function in `function`, as chats have
  init(_ tools: [ToolDefinition], _ reader: FieldReader, isNested: Bool = true) throws(ServingError) {
    let names = Set(tools.map(\.name))
    let allowsParallelCalls = try reader.bool("parallel_tool_calls") ?? true
    if let allowed = try AllowedTools(reader, names: names) {
      self.init(
        tools.filter { allowed.names.contains($0.name) }, choice: allowed.choice,
        allowsParallelCalls: allowsParallelCalls)
    } else {
      self.init(
        tools, choice: try ToolChoice(reader, names: names, isNested: isNested),
        allowsParallelCalls: allowsParallelCalls)
    }
  }

  init(_ tools: [ToolDefinition], choice: ToolChoice, allowsParallelCalls: Bool) {
    self.choice = choice
    self.tools = choice == .none ? [] : tools.map(\.prompt)
    functions = choice == .none ? [] : tools.map(\.constrained)
    self.allowsParallelCalls = allowsParallelCalls
  }

  /// The tool; without unknown members in the prompt.
  private static func tool(_ tool: JSONValue, index: Int) throws(ServingError) -> ToolDefinition {
    guard let object = tool.objectValue, object["type"].map({ $0.stringValue == "function" }) ?? true,
      let definition = object["function"]?.objectValue
    else {
      throw .rejected(
        .badField(
          "tools[\(index)]",
          "tools[\(index)]: expected an object with \"type\": \"function\" and a function, found "
            + "\(found(tool)); correct it"))
    }
    let function = FieldReader(definition, prefix: "tools[\(index)].function.")
    let name = try ToolDefinition.name(function)
    _ = try function.string("description")
    _ = try function.object("parameters")
    // In the order in which the client sent them, as the template shows them; a type that is missing comes first.
    var known: JSONObject = object["type"] == nil ? ["type": "function"] : JSONObject()
    for member in object.members where ["type", "function"].contains(member.key) {
      known[member.key] = member.key == "type" ? member.value : .object(Self.known(definition))
    }
    return ToolDefinition(
      name: name, namePath: function.prefix + "name", prompt: .object(known),
      parameters: definition["parameters"], parametersPath: function.prefix + "parameters",
      isStrict: try function.bool("strict") ?? false)
  }

  private static func known(_ definition: JSONObject) -> JSONObject {
    var known = JSONObject()
    for member in definition.members where functionMembers.contains(member.key) {
      known[member.key] = member.value
    }
    return known
  }

  private static func found(_ tool: JSONValue) -> String {
    guard let object = tool.objectValue else { return Found.value(tool) }
    guard let type = object["type"], type.stringValue != "function" else { return "no function" }
    return "the type \(Found.value(type))"
  }
}
