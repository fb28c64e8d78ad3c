import QuireGrammar
import QuireJSON

/// Reads the tools of a chat request and whether the model may or must call them.
struct ToolFields: Sendable {
  static let maximumCount = 128

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

  init(_ reader: FieldReader) throws(ServingError) {
    let tools = try reader.array("tools", of: "tools") ?? []
    guard tools.count <= Self.maximumCount else {
      throw .rejected(
        .badField(
          "tools", "tools: expected at most \(Self.maximumCount) tools, found \(tools.count); send fewer"))
    }
    var names: Set<String> = []
    var read: [JSONValue] = []
    var functions: [ConstrainedTool] = []
    for (index, tool) in tools.enumerated() {
      let (name, value) = try Self.tool(tool, index: index)
      guard names.insert(name).inserted else {
        let field = "tools[\(index)].function.name"
        throw .rejected(
          .badField(
            field,
            "\(field): expected a name of its own, found \(Found.text(name)) again; rename one of the two")
        )
      }
      read.append(value)
      functions.append(
        ConstrainedTool(
          name: name, parameters: tool["function"]?["parameters"].nonNull,
          path: "tools[\(index)].function.parameters"))
    }
    choice = try ToolChoice(reader, names: names)
    self.tools = choice == .none ? [] : read
    self.functions = choice == .none ? [] : functions
    allowsParallelCalls = try reader.bool("parallel_tool_calls") ?? true
  }

  /// The function's name and the tool as it goes into the prompt, without unknown members.
  private static func tool(_ tool: JSONValue, index: Int) throws(ServingError) -> (String, JSONValue) {
    guard let object = tool.objectValue, object["type"]?.stringValue == "function",
      let definition = object["function"]?.objectValue
    else {
      throw .rejected(
        .badField(
          "tools[\(index)]",
          "tools[\(index)]: expected an object with \"type\": \"function\" and a function, found "
            + "\(found(tool)); correct it"))
    }
    let function = FieldReader(definition, prefix: "tools[\(index)].function.")
    guard let name = try function.string("name"), !name.isEmpty else {
      throw .rejected(
        .badField(
          function.prefix + "name", "\(function.prefix)name: expected a name, found none; name the function"))
    }
    _ = try function.string("description")
    _ = try function.object("parameters")
    var known = JSONObject()
    for member in object.members where ["type", "function"].contains(member.key) {
      known[member.key] = member.key == "type" ? member.value : .object(Self.known(definition))
    }
    return (name, .object(known))
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

extension JSONValue? {
  /// The value unless it is null.
  fileprivate var nonNull: JSONValue? { self?.isNull == true ? Optional.none : self }
}
