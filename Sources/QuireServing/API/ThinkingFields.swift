import QuireJSON
import QuireText

/// Reads whether the model thinks before it answers: two ways to say it, thinking by default.
enum ThinkingFields {
  private static let efforts = ["none", "low", "medium", "high"]

  static func read(_ reader: inout FieldReader) throws(ServingError) -> ThinkingMode {
    var asked: Bool?
    if var options = try reader.object("chat_template_kwargs") {
      // Strictly a boolean: to the template itself, 0 and "false" would mean thinking.
      asked = try options.bool("enable_thinking")
      try options.refuseUnknown()
    }
    guard let effort = try reader.string("reasoning_effort") else {
      return asked == false ? .nonThinking : .thinking
    }
    guard efforts.contains(effort) else {
      throw reader.wrong(
        "reasoning_effort", expected: "one of \(efforts.joined(separator: ", "))", found: .string(effort))
    }
    // Qwen3 knows two modes and no degrees between them.
    let thinks = effort != "none"
    if let asked, asked != thinks {
      throw .rejected(
        .badField(
          "reasoning_effort",
          "'reasoning_effort' is \"\(effort)\", but 'chat_template_kwargs.enable_thinking' is \(asked): "
            + "send one of them."))
    }
    return thinks ? .thinking : .nonThinking
  }
}
