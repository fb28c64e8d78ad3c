import QuireJSON

/// The name of a function in the Responses API, where it can belong to a namespace. The client needs both parts of the
/// name to run a call.
struct ResponsesFunctionName: Sendable {
  let name: String
  let namespace: String?

  /// What the model calls the function. Two namespaces may have functions of the same name.
  var full: String { namespace.map { "\($0).\(name)" } ?? name }

  /// As members of an item.
  var members: JSONObject {
    var members: JSONObject = ["name": .string(name)]
    members["namespace"] = namespace.map { .string($0) }
    return members
  }

  init(name: String, namespace: String? = nil) {
    self.name = name
    self.namespace = namespace
  }

  /// Of a call that comes back as an item.
  init(_ item: FieldReader) throws(ServingError) {
    name = try ToolDefinition.name(item)
    let namespace = try item.string("namespace")
    self.namespace = namespace?.isEmpty == true ? nil : namespace
  }
}
