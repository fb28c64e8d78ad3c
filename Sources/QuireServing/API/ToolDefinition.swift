import QuireGrammar
import QuireJSON

/// One tool of a request, whatever the API calls its members.
struct ToolDefinition: Sendable {
  static let maximumCount = 128
  /// Where the tools of a request ask for arguments of their schemas: in chats, in the other APIs, and there in
  /// namespaces.
  static let strictPaths = [
    ["tools", "function", "strict"], ["tools", "strict"], ["tools", "tools", "strict"],
  ]

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
  /// - Parameters:
  ///   - parameters: The name of the member with the schema of the arguments.
  ///   - name: What the model calls the function; nil: its own name.
  ///   - introduction: A text for the model before the function's own description.
  init(
    _ fields: FieldReader, parameters: String, name: String? = nil, introduction: String? = nil
  ) throws(ServingError) {
    let own = try Self.name(fields)
    let name = name ?? own
    var function: JSONObject = ["name": .string(name)]
    let description = [introduction, try fields.string("description")].compactMap { $0 }
    if !description.isEmpty { function["description"] = .string(description.joined(separator: "\n")) }
    let schema = try fields.object(parameters).map { JSONValue.object($0.object) }
    if let schema { function["parameters"] = schema }
    self.init(
      name: name, namePath: fields.prefix + "name",
      prompt: ["type": "function", "function": .object(function)], parameters: schema,
      parametersPath: fields.prefix + parameters, isStrict: try fields.bool("strict") ?? false)
  }

  /// The `tools` of a request. Throws when there are too many, or two with one name.
  ///
  /// - Parameter read: The functions of an element; none for one that is left out.
  static func list(
    _ reader: FieldReader, _ read: (JSONValue, Int) throws(ServingError) -> [ToolDefinition]
  ) throws(ServingError) -> [ToolDefinition] {
    let values = try reader.array("tools", of: "tools") ?? []
    try check(count: values.count)
    var tools: [ToolDefinition] = []
    for (index, value) in values.enumerated() {
      tools += try read(value, index)
      try check(count: tools.count)
    }
    var names: Set<String> = []
    for tool in tools where !names.insert(tool.name).inserted {
      throw .rejected(
        .badField(
          tool.namePath,
          "\(tool.namePath): expected a name of its own, found \(Found.text(tool.name)) again; rename one of the "
            + "two"))
    }
    return tools
  }

  private static func check(count: Int) throws(ServingError) {
    guard count > maximumCount else { return }
    throw .rejected(
      .badField("tools", "tools: expected at most \(maximumCount) tools, found \(count); send fewer"))
  }

  /// The name of a function, which must not be empty.
  static func name(_ fields: FieldReader) throws(ServingError) -> String {
    if let name = try fields.string("name"), !name.isEmpty { return name }
    throw .rejected(
      .badField(
        fields.prefix + "name", "\(fields.prefix)name: expected a name, found none; name the function"))
  }
}
