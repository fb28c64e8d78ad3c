import QuireJSON

/// A `tool_choice` of the type `allowed_tools`: the model sees only some of the request's functions. Chat completions nest
/// its members one level deeper than responses.
struct AllowedTools {
  let names: Set<String>
  /// Whether one of them must be called.
  let choice: ToolChoice

  /// `nil` for another type.
  ///
  /// - Parameter names: the functions of the request
  init?(_ reader: FieldReader, names: Set<String>) throws(ServingError) {
    guard reader.value("tool_choice")?["type"]?.stringValue == "allowed_tools",
      let choice = try reader.object("tool_choice")
    else { return nil }
    let fields = try choice.object("allowed_tools") ?? choice
    var allowed: Set<String> = []
    for (index, value) in (try fields.array("tools", of: "tools") ?? []).enumerated() {
      let block = try fields.block(value, "tools", index)
      try block.checkTool("function", others: "other servers or clients define")
      let tool = block.fields
      let owner = try tool.object("function") ?? tool
      allowed.insert(
        try ToolChoice.checked(owner.string("name"), path: owner.prefix + "name", among: names))
    }
    self.names = allowed
    switch try fields.string("mode") {
    case "auto", nil: self.choice = .auto
    case "required": self.choice = try ToolChoice.required("required", among: allowed)
    case let mode?: throw fields.wrong("mode", expected: "\"auto\" or \"required\"", found: .string(mode))
    }
  }
}
