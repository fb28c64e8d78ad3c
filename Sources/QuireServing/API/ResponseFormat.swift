import QuireGrammar
import QuireJSON

/// Reads OpenAI's `response_format`. A `json_object` may have a `schema`, as in llama-server.
enum ResponseFormat {
  static let shape = RequestShape.object([
    "type": .any, "schema": .any, "json_schema": .members(["name", "strict", "schema"]),
  ])

  static let name = "response_format"
  private static let types = ["text", "json_object", "json_schema"]

  /// Nil for text.
  static func read(_ reader: FieldReader) throws(ServingError) -> AnswerConstraint? {
    guard let format = try reader.object(name) else { return nil }
    let expected = "one of \(types.joined(separator: ", "))"
    guard let type = try format.string("type") else {
      throw .rejected(
        .badField(name + ".type", "\(name).type: expected \(expected), found none; name the type"))
    }
    guard types.contains(type) else { throw format.wrong("type", expected: expected, found: .string(type)) }
    for (member, owner) in [("schema", "json_object"), ("json_schema", "json_schema")] where owner != type {
      guard let value = format.value(member) else { continue }
      throw .rejected(
        .badField(
          "\(name).\(member)",
          "\(name).\(member): expected none with the type '\(type)', found \(Found.value(value)); leave it out or "
            + "change the type to '\(owner)'"))
    }
    switch type {
    case "json_object":
      guard format.value("schema") != nil else {
        return AnswerConstraint(field: name, kind: .jsonObject, isResponseFormat: true)
      }
      return AnswerConstraint(
        field: name + ".schema", kind: .jsonSchema(try format.schema("schema")), isResponseFormat: true)
    case "json_schema": return try schemaFormat(format)
    default: return nil
    }
  }

  /// A schema is always enforced, `strict` or not.
  private static func schemaFormat(_ format: FieldReader) throws(ServingError) -> AnswerConstraint {
    let options = try format.object("json_schema")
    let field = "\(name).json_schema"
    guard let options, options.value("schema") != nil else {
      throw .rejected(
        .badField("\(field).schema", "\(field).schema: expected a JSON Schema, found none; send one"))
    }
    _ = try options.string("name")
    _ = try options.bool("strict")
    return AnswerConstraint(
      field: "\(field).schema", kind: .jsonSchema(try options.schema("schema")), isResponseFormat: true)
  }
}
