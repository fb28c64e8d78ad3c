import QuireJSON
import QuireText

/// Tool calls as Qwen3's template asks for them: `<tool_call>`, a line with name and arguments, `</tool_call>`.
enum ToolCallGrammar {
  /// What an answer may be besides calls.
  enum Alternative {
    case none
    /// A JSON value of this schema instead of calls.
    case valueOf(JSONValue)
    /// Any text, which calls may follow.
    case text
  }

  /// - Parameter allowsSeveral: further calls may follow, each on a line of its own
  static func grammar(
    of tools: [ConstrainedTool], allowsSeveral: Bool, instead alternative: Alternative = .none
  ) throws(GrammarError) -> Grammar {
    guard !tools.isEmpty else {
      throw GrammarError(
        "tools: expected at least one function, found none; name the tools that may be called")
    }
    var json = JSONGrammar()
    var calls: [GrammarExpression] = []
    for (index, tool) in tools.enumerated() {
      var reader = SchemaReader(
        json: json, root: tool.parameters ?? ["type": "object", "additionalProperties": false],
        name: tool.path ?? "tools[\(index)].function.parameters")
      let arguments = try reader.argumentsObject()
      json = reader.json
      let name = JSONGrammar.literalBytes(.string(tool.name))
      calls.append(
        .sequence([
          .literal(Array("{\"name\": ".utf8) + name + Array(", \"arguments\": ".utf8)), arguments,
          .text("}"),
        ]))
    }
    let open = json.grammar.tag(ChatFormat.toolCallStart)
    let close = json.grammar.tag(ChatFormat.toolCallEnd)
    let call = GrammarExpression.sequence([open, .text("\n"), .choice(calls), .text("\n"), close])
    let rule = json.grammar.add("call", call)
    let more = GrammarExpression.anyNumber(.sequence([.text("\n"), .rule(rule)]))
    let some = allowsSeveral ? GrammarExpression.sequence([.rule(rule), more]) : .rule(rule)
    switch alternative {
    case .none: json.grammar.root = some
    case .valueOf(let schema):
      let value = try SchemaReader.root(of: schema, in: &json)
      json.grammar.root = .choice([some, value])
    case .text:
      // Text cannot write the tags, which are tokens of their own.
      json.grammar.root = .sequence([.anyNumber(.scalars(.all)), .optional(some)])
    }
    return json.grammar
  }
}
