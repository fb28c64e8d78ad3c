import QuireJSON

/// The `tool_choice` of a response: from the client's names of functions to the model's, and back.
enum ResponsesToolChoice {
  /// The choice with the model's names. A client names a function of a namespace with its `namespace`, or by its name
  /// alone where only one namespace has it.
  ///
  /// - Parameter path: Where the choice is in the request.
  static func named(
    _ choice: JSONValue, _ names: [String: ResponsesFunctionName], at path: String = "tool_choice"
  ) throws(ServingError) -> JSONValue {
    guard var object = choice.objectValue else { return choice }
    if let name = object["name"]?.stringValue {
      object["name"] = .string(try full(name, object["namespace"]?.stringValue, names, at: path))
    }
    for member in ["function", "allowed_tools"] {
      guard let value = object[member] else { continue }
      object[member] = try named(value, names, at: "\(path).\(member)")
    }
    guard let tools = object["tools"]?.arrayValue else { return .object(object) }
    var renamed: [JSONValue] = []
    for (index, tool) in tools.enumerated() {
      renamed.append(try named(tool, names, at: "\(path).tools[\(index)]"))
    }
    object["tools"] = .array(renamed)
    return .object(object)
  }

  private static func full(
    _ name: String, _ namespace: String?, _ names: [String: ResponsesFunctionName], at path: String
  ) throws(ServingError) -> String {
    if let namespace, !namespace.isEmpty {
      return ResponsesFunctionName(name: name, namespace: namespace).full
    }
    if names[name] != nil { return name }
    let found = names.values.filter { $0.name == name }
    guard found.count > 1 else { return found.first?.full ?? name }
    let field = path + ".name"
    throw .rejected(
      .badField(
        field,
        "\(field): expected the name of one of the tools with its 'namespace', because \(found.count) namespaces have "
          + "such a function, found \(Found.text(name)) without one; add the namespace"))
  }

  /// The choice as the answer has it, whatever form the client sent.
  ///
  /// - Parameter named: What the client sent, with the model's names.
  static func repeated(
    _ choice: ToolChoice, _ named: JSONValue?, _ names: [String: ResponsesFunctionName]
  ) -> JSONValue {
    if let named, named["type"]?.stringValue == "allowed_tools" { return allowed(named, names) }
    switch choice {
    case .none: return "none"
    case .auto: return "auto"
    case .required: return "required"
    case .function(let name): return function(name, names)
    }
  }

  private static func allowed(_ named: JSONValue, _ names: [String: ResponsesFunctionName]) -> JSONValue {
    let owner = named["allowed_tools"]?.objectValue == nil ? named : named["allowed_tools"] ?? named
    let tools = (owner["tools"]?.arrayValue ?? []).compactMap { tool in
      ((tool["function"] ?? tool)["name"]?.stringValue).map { function($0, names) }
    }
    return [
      "type": "allowed_tools", "mode": owner["mode"]?.stringValue.map { .string($0) } ?? "auto",
      "tools": .array(tools),
    ]
  }

  private static func function(_ name: String, _ names: [String: ResponsesFunctionName]) -> JSONValue {
    var members: JSONObject = ["type": "function"]
    for member in (names[name] ?? ResponsesFunctionName(name: name)).members.members {
      members[member.key] = member.value
    }
    return .object(members)
  }
}
