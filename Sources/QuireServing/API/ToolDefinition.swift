import QuireGrammar
import QuireJSON

/// One tool of a request, whatever the API calls its members.
struct ToolDefinition: Sendable {
  static let maximumCount = 128

  let name: String
  /// The path of the name, for messages.
  let namePath: String
  /// The tool as it goes into the prompt: in the form of chat completions.
  let prompt: JSONValue
  /// The tool as constraints on calls need it.
  let constrained: ConstrainedTool

  /// - Parameter parameters: The schema of the arguments; nil or null for none.
  init(
    name: String, namePath: String, prompt: JSONValue, parameters: JSONValue?, parametersPath: String,
    isStrict: Bool
  ) {
    self.name = name
    self.namePath = namePath
    self.prompt = prompt
    constrained = ConstrainedTool(
      name: name, parameters: parameters?.isNull == true ? nil : parameters, path: parametersPath,
      isStrict: isStrict)
  }

  /// A tool whose members are not nested.
  ///
  /// - Parameter parameters: The name of the member with the schema of the arguments.
  init(_ fields: FieldReader, parameters: String) throws(ServingError) {
    let name = try Self.name(fields)
    var function: JSONObject = ["name": .string(name)]
    if let description = try fields.string("description") { function["description"] = .string(description) }
    let schema = try fields.object(parameters).map { JSONValue.object($0.object) }
    if let schema { function["parameters"] = schema }
    self.init(
      name: name, namePath: fields.prefix + "name",
      prompt: ["type": "function", "function": .object(function)], parameters: schema,
      parametersPath: fields.prefix + parameters, isStrict: try fields.bool("strict") ?? false)
  }

  /// The `tools` of a request. Throws when there are too many, or two with one name.
  static func list(
    _ reader: FieldReader, _ read: (JSONValue, Int) throws(ServingError) -> ToolDefinition
  ) throws(ServingError) -> [ToolDefinition] {
    let values = try reader.array("tools", of: "tools") ?? []
    guard values.count <= maximumCount else {
      throw .rejected(
        .badField(
          "tools", "tools: expected at most \(maximumCount) tools, found \(values.count); send fewer"))
    }
    var names: Set<String> = []
    var tools: [ToolDefinition] = []
    for (index, value) in values.enumerated() {
      let tool = try read(value, index)
      guard names.insert(tool.name).inserted else {
        throw .rejected(
          .badField(
            tool.namePath,
            "\(tool.namePath): expected a name of its own, found \(Found.text(tool.name)) again; rename one of the "
              + "two"))
      }
      tools.append(tool)
    }
    return tools
  }

  /// The name of a function, which must not be empty.
  static func name(_ fields: FieldReader) throws(ServingError) -> String {
    if let name = try fields.string("name"), !name.isEmpty { return name }
    throw .rejected(
      .badField(
        fields.prefix + "name", "\(fields.prefix)name: expected a name, found none; name the function"))
  }
}
