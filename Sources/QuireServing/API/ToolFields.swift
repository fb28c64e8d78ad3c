import QuireJSON

/// Reads the tools of a chat request and whether the model may call them.
enum ToolFields {
  static let maximumCount = 128

  /// The tools that the model is told about: none when it must not call any.
  static func read(_ reader: inout FieldReader) throws(ServingError) -> [JSONValue] {
    let tools = try reader.array("tools", of: "tools") ?? []
    guard tools.count <= maximumCount else {
      throw .rejected(
        .badField("tools", "'tools' may have \(maximumCount) entries, but has \(tools.count): send fewer."))
    }
    var names: Set<String> = []
    for (index, tool) in tools.enumerated() {
      let name = try self.name(of: tool, index: index)
      guard names.insert(name).inserted else {
        throw .rejected(
          .badField(
            "tools[\(index)].function.name",
            "Two tools are named '\(FieldReader.shortened(name))': give each its own name."))
      }
    }
    return try mayCall(&reader, hasTools: !tools.isEmpty) ? tools : []
  }

  private static func name(of tool: JSONValue, index: Int) throws(ServingError) -> String {
    guard let object = tool.objectValue, object["type"]?.stringValue == "function",
      let definition = object["function"]?.objectValue
    else {
      throw .rejected(
        .badField(
          "tools[\(index)]", "'tools[\(index)]' must have the type \"function\" and a function: correct it."))
    }
    var function = FieldReader(definition, prefix: "tools[\(index)].function.")
    guard let name = try function.string("name"), !name.isEmpty else {
      throw .rejected(
        .badField(function.prefix + "name", "'\(function.prefix)name' is missing: name the function."))
    }
    _ = try function.string("description")
    _ = try function.object("parameters")
    return name
  }

  private static func mayCall(_ reader: inout FieldReader, hasTools: Bool) throws(ServingError) -> Bool {
    guard let choice = reader.value("tool_choice") else { return true }
    switch choice.stringValue {
    case "none": return false
    case "auto" where hasTools: return true
    case "auto":
      throw .rejected(
        .badField(
          "tool_choice", "'tool_choice' is \"auto\", but there are no 'tools' to choose from: send some."))
    default:
      throw .rejected(
        .badField(
          "tool_choice",
          "'tool_choice' must be \"auto\" or \"none\", but is \(FieldReader.found(choice)): the model cannot be "
            + "made to call a function."))
    }
  }
}
