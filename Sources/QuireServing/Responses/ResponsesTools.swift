import QuireJSON

/// The tools of OpenAI's Responses API: functions whose members are not nested, and namespaces of them. Tools of other
/// types, which OpenAI's servers run or which are no functions, are left out where the model may answer without them.
struct ResponsesTools: Sendable {
  static let shape: [String: RequestShape] = {
    let function = RequestShape.members(["type", "name", "description", "parameters", "strict"])
    let namespace = RequestShape.object(
      .any(["type", "name", "description"]) + ["tools": .array(of: .types([functionType: function]))])
    return [
      "tools": .array(of: .types([functionType: function, namespaceType: namespace])),
      "tool_choice": ToolChoice.shape, "parallel_tool_calls": .any,
    ]
  }()

  private static let functionType = "function"
  private static let namespaceType = "namespace"

  let fields: ToolFields
  /// The functions by what the model calls them.
  let names: [String: ResponsesFunctionName]
  /// The tools and the choice as the answer repeats them.
  let definitions: [JSONValue]
  let choice: JSONValue

  init(_ reader: FieldReader) throws(ServingError) {
    var list = FunctionList(isForced: Self.isForced(reader))
    let tools = try ToolDefinition.list(reader) { value, index throws(ServingError) in
      try list.read(reader.block(value, "tools", index))
    }
    names = list.names
    definitions = list.repeated
    var object = reader.object
    if let choice = object["tool_choice"] {
      object["tool_choice"] = try ResponsesToolChoice.named(choice, list.names)
    }
    let named = FieldReader(object, prefix: reader.prefix)
    fields = try ToolFields(tools, named, isNested: false)
    choice = ResponsesToolChoice.repeated(fields.choice, named.value("tool_choice"), list.names)
  }

  /// Whether the answer must be a call of any of the tools, also of one that would be left out.
  private static func isForced(_ reader: FieldReader) -> Bool {
    let choice = reader.value("tool_choice")
    return (choice?.stringValue ?? choice?["type"]?.stringValue) == "required"
  }

  /// The functions of the elements that were read.
  private struct FunctionList {
    let isForced: Bool
    var names: [String: ResponsesFunctionName] = [:]
    var repeated: [JSONValue] = []

    mutating func read(_ tool: TypedBlock) throws(ServingError) -> [ToolDefinition] {
      switch tool.type {
      case functionType:
        repeated.append(try Self.repeated(tool.fields))
        return [try function(tool.fields)]
      case namespaceType: return try namespace(tool.fields)
      default:
        try leaveOut(tool)
        return []
      }
    }

    /// Its description goes to the model with its first function: it can be long, and a namespace has many functions.
    private mutating func namespace(_ fields: FieldReader) throws(ServingError) -> [ToolDefinition] {
      let name = try ToolDefinition.name(fields)
      let description = try fields.string("description")
      var definitions: [ToolDefinition] = []
      var tools: [JSONValue] = []
      for (index, value) in (try fields.array("tools", of: "functions") ?? []).enumerated() {
        let tool = try fields.block(value, "tools", index)
        guard tool.type == functionType else {
          try leaveOut(tool)
          continue
        }
        tools.append(try Self.repeated(tool.fields))
        definitions.append(
          try function(
            tool.fields, namespace: name, introduction: definitions.isEmpty ? description : nil))
      }
      repeated.append([
        "type": .string(namespaceType), "name": .string(name),
        "description": description.map(JSONValue.string) ?? .null, "tools": .array(tools),
      ])
      return definitions
    }

    private mutating func function(
      _ fields: FieldReader, namespace: String? = nil, introduction: String? = nil
    ) throws(ServingError) -> ToolDefinition {
      let name = ResponsesFunctionName(name: try ToolDefinition.name(fields), namespace: namespace)
      names[name.full] = name
      return try ToolDefinition(
        fields, parameters: "parameters", name: name.full, introduction: introduction)
    }

    private func leaveOut(_ tool: TypedBlock) throws(ServingError) {
      if isForced { try tool.checkTool(functionType, others: "OpenAI's servers or clients define") }
    }

    private static func repeated(_ tool: FieldReader) throws(ServingError) -> JSONValue {
      [
        "type": .string(functionType), "name": tool.value("name") ?? .null,
        "description": tool.value("description") ?? .null, "parameters": tool.value("parameters") ?? .null,
        "strict": .bool(try tool.bool("strict") ?? false),
      ]
    }
  }
}
