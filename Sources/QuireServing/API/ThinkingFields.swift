import QuireJSON
import QuireText

/// Reads whether and how long the model thinks before it answers, and whether the answer shows the reasoning. Clients
/// use many fields for that; each selects one of Qwen3's two modes or a budget.
struct ThinkingFields: Sendable {
  /// The member with the variables of the chat template.
  static let variablesName = "chat_template_kwargs"
  /// Members of `reasoning`.
  static let reasoningNames = ["enabled", "effort", "exclude", "max_tokens"]

  static let shape: [String: RequestShape] =
    [
      variablesName: .members(["enable_thinking"] + ThinkingBudget.templateNames),
      "enable_thinking": .any, "thinking": .members(["type", "budget_tokens"]),
      "think": .any, "reasoning": .members(reasoningNames),
      "reasoning_effort": .any, "include_reasoning": .any,
    ] + .any(ThinkingBudget.names)

  /// `nil`: no field selects one.
  let mode: ThinkingMode?
  /// `nil`: no field gives one.
  let budget: ThinkingBudget?
  /// The variables of the model's own chat template: `chat_template_kwargs`, and `enable_thinking` where a field asks
  /// for thoughts.
  let templateArguments: JSONObject

  /// Contradictory fields are refused. A number is more precise than an effort, and a budget with thinking turned off
  /// is no contradiction: no token is at most any number of tokens.
  init(_ reader: FieldReader) throws(ServingError) {
    let choices = try Self.modeChoices(reader)
    if let first = choices.first, let other = choices.first(where: { $0.thinks != first.thinks }) {
      throw Self.contradiction(first.field, first.value, other.field, other.value)
    }
    let numbers = try ThinkingBudget.numbers(reader)
    let efforts = choices.compactMap { choice in
      choice.budget.map { ThinkingBudget.Given(field: choice.field, value: choice.value, budget: $0) }
    }
    for given in [numbers, efforts] {
      guard let first = given.first, let other = given.first(where: { $0.budget != first.budget }) else {
        continue
      }
      throw Self.contradiction(first.field, first.value, other.field, other.value)
    }
    budget = (numbers.first ?? efforts.first)?.budget
    // A number of tokens alone asks for reasoning.
    let asks = (numbers.first?.budget.count ?? 0) > 0
    mode = choices.first.map { $0.thinks ? .thinking : .nonThinking } ?? (asks ? .thinking : nil)
    var arguments = reader.value(Self.variablesName)?.objectValue ?? [:]
    if mode == .thinking { arguments["enable_thinking"] = true }
    templateArguments = arguments
  }

  /// `default` selects neither mode, as in some other servers.
  private static let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max", "default"]

  /// The mode that one field asks for.
  private struct ModeChoice {
    let field: String
    let value: JSONValue
    let thinks: Bool
    /// The budget of an effort.
    var budget: ThinkingBudget?
  }

  /// Whether the answer shows the reasoning.
  static func includesReasoning(_ reader: FieldReader) throws(ServingError) -> Bool {
    let includes = try reader.bool("include_reasoning")
    var excludes: Bool?
    if reader.value("reasoning")?.objectValue != nil {
      excludes = try reader.object("reasoning")?.bool("exclude")
    }
    if let includes, let excludes, includes == excludes {
      let field = "reasoning.exclude"
      throw .rejected(
        .badField(
          field,
          "\(field): expected \(!includes), because 'include_reasoning' is \(includes) and means the opposite, found "
            + "\(excludes); send one of the two"))
    }
    return includes ?? excludes.map { !$0 } ?? true
  }

  private static func contradiction(
    _ first: String, _ firstValue: JSONValue, _ other: String, _ otherValue: JSONValue
  ) -> ServingError {
    .rejected(
      .badField(
        other,
        "\(other): expected a value that agrees with '\(first)', which is \(Found.value(firstValue)), found "
          + "\(Found.value(otherValue)); send one of the two"))
  }

  private static func modeChoices(_ reader: FieldReader) throws(ServingError) -> [ModeChoice] {
    var modeChoices: [ModeChoice] = []
    if let options = try reader.object(variablesName) {
      // Must be a boolean: the template itself would read 0 and "false" as thinking.
      modeChoices += try flag("enable_thinking", options)
    }
    modeChoices += try flag("enable_thinking", reader)
    modeChoices += try thinking(reader)
    if reader.value("think")?.stringValue != nil {
      modeChoices += try effort("think", reader)
    } else {
      modeChoices += try flag("think", reader)
    }
    if reader.value("reasoning")?.boolValue != nil {
      modeChoices += try flag("reasoning", reader)
    } else if let options = try reader.object("reasoning") {
      modeChoices += try flag("enabled", options) + effort("effort", options)
    }
    return try modeChoices + effort("reasoning_effort", reader)
  }

  private static func flag(_ name: String, _ reader: FieldReader) throws(ServingError) -> [ModeChoice] {
    guard let thinks = try reader.bool(name) else { return [] }
    return [ModeChoice(field: reader.prefix + name, value: .bool(thinks), thinks: thinks)]
  }

  private static func effort(_ name: String, _ reader: FieldReader) throws(ServingError) -> [ModeChoice] {
    guard let effort = try reader.string(name) else { return [] }
    guard efforts.contains(effort) else {
      throw reader.wrong(name, expected: "one of \(efforts.joined(separator: ", "))", found: .string(effort))
    }
    if effort == "default" { return [] }
    return [
      ModeChoice(
        field: reader.prefix + name, value: .string(effort), thinks: effort != "none",
        budget: .ofEffort(effort))
    ]
  }

  /// A boolean, or an object with a type.
  private static func thinking(_ reader: FieldReader) throws(ServingError) -> [ModeChoice] {
    guard let value = reader.value("thinking") else { return [] }
    if value.boolValue != nil { return try flag("thinking", reader) }
    guard value.objectValue != nil, let options = try reader.object("thinking") else {
      throw reader.wrong("thinking", expected: "true, false or an object with a type", found: value)
    }
    guard let type = try options.string("type") else { return [] }
    switch type {
    case "enabled", "disabled":
      return [ModeChoice(field: "thinking.type", value: .string(type), thinks: type == "enabled")]
    case "adaptive", "auto": return []
    default:
      throw options.wrong(
        "type", expected: "one of enabled, disabled, adaptive, auto", found: .string(type))
    }
  }
}
