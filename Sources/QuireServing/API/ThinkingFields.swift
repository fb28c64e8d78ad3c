import QuireJSON
import QuireText

/// Reads whether the model thinks before it answers and whether the answer shows the reasoning. Clients use many
/// fields for that; each selects one of Qwen3's two modes. There are no levels between them.
enum ThinkingFields {
  static let shape: [String: RequestShape] = [
    "chat_template_kwargs": .members(["enable_thinking"]), "enable_thinking": .any,
    "thinking": .members(["type"]),
    "think": .any, "reasoning": .members(["enabled", "effort", "exclude"]), "reasoning_effort": .any,
    "include_reasoning": .any,
  ]

  /// `default` selects neither mode, as in some other servers.
  private static let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max", "default"]

  /// The mode that one field asks for.
  private struct Wish {
    let field: String
    let value: JSONValue
    let thinks: Bool
  }

  /// The mode: thinking unless a field turns it off. Contradictory fields are refused.
  static func mode(_ reader: FieldReader) throws(ServingError) -> ThinkingMode {
    let wishes = try wishes(reader)
    guard let first = wishes.first else { return .thinking }
    if let other = wishes.first(where: { $0.thinks != first.thinks }) {
      throw contradiction(first.field, first.value, other.field, other.value)
    }
    return first.thinks ? .thinking : .nonThinking
  }

  /// Whether the answer shows the reasoning.
  static func includesReasoning(_ reader: FieldReader) throws(ServingError) -> Bool {
    let includes = try reader.bool("include_reasoning")
    var excludes: Bool?
    if reader.value("reasoning")?.objectValue != nil {
      excludes = try reader.object("reasoning")?.bool("exclude")
    }
    if let includes, let excludes, includes == excludes {
      throw contradiction("include_reasoning", .bool(includes), "reasoning.exclude", .bool(excludes))
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

  private static func wishes(_ reader: FieldReader) throws(ServingError) -> [Wish] {
    var wishes: [Wish] = []
    if let options = try reader.object("chat_template_kwargs") {
      // Must be a boolean: the template itself would read 0 and "false" as thinking.
      wishes += try flag("enable_thinking", options)
    }
    wishes += try flag("enable_thinking", reader)
    wishes += try thinking(reader)
    if reader.value("think")?.stringValue != nil {
      wishes += try effort("think", reader)
    } else {
      wishes += try flag("think", reader)
    }
    if reader.value("reasoning")?.boolValue != nil {
      wishes += try flag("reasoning", reader)
    } else if let options = try reader.object("reasoning") {
      wishes += try flag("enabled", options) + effort("effort", options)
    }
    return try wishes + effort("reasoning_effort", reader)
  }

  private static func flag(_ name: String, _ reader: FieldReader) throws(ServingError) -> [Wish] {
    guard let thinks = try reader.bool(name) else { return [] }
    return [Wish(field: reader.prefix + name, value: .bool(thinks), thinks: thinks)]
  }

  private static func effort(_ name: String, _ reader: FieldReader) throws(ServingError) -> [Wish] {
    guard let effort = try reader.string(name) else { return [] }
    guard efforts.contains(effort) else {
      throw reader.wrong(name, expected: "one of \(efforts.joined(separator: ", "))", found: .string(effort))
    }
    if effort == "default" { return [] }
    return [Wish(field: reader.prefix + name, value: .string(effort), thinks: effort != "none")]
  }

  /// A boolean, or an object with a type.
  private static func thinking(_ reader: FieldReader) throws(ServingError) -> [Wish] {
    guard let value = reader.value("thinking") else { return [] }
    if value.boolValue != nil { return try flag("thinking", reader) }
    guard value.objectValue != nil, let options = try reader.object("thinking") else {
      throw reader.wrong("thinking", expected: "true, false or an object with a type", found: value)
    }
    guard let type = try options.string("type") else { return [] }
    switch type {
    case "enabled", "disabled":
      return [Wish(field: "thinking.type", value: .string(type), thinks: type == "enabled")]
    case "adaptive", "auto": return []
    default:
      throw options.wrong(
        "type", expected: "one of enabled, disabled, adaptive, auto", found: .string(type))
    }
  }
}
