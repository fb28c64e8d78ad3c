import QuireGrammar
import QuireJSON

/// Reads OpenAI's `response_format`. A `json_object` may have a `schema`, as in llama-server, or a `value`, which is what
/// Hugging Face's client calls it.
enum ResponseFormat {
  static let shape = RequestShape.object([
    "type": .any, "schema": .any, "value": .any, "json_schema": .members(["name", "strict", "schema"]),
  ])

  static let name = "response_format"
  private static let types = ["text", "json_object", "json_schema"]
  /// Members of a `json_object` with its schema.
  private static let objectSchemas = ["schema", "value"]

  /// Nil for text.
  static func read(_ reader: FieldReader) throws(ServingError) -> AnswerConstraint? {
    guard let format = try reader.object(name) else { return nil }
    let expected = "one of \(types.joined(separator: ", "))"
    guard let type = try format.string("type") else {
      throw .rejected(
        .badField(name + ".type", "\(name).type: expected \(expected), found none; name the type"))
    }
    guard types.contains(type) else { throw format.wrong("type", expected: expected, found: .string(type)) }
    let owners = objectSchemas.map { ($0, "json_object") } + [("json_schema", "json_schema")]
    for (member, owner) in owners where owner != type {
      guard let value = format.value(member) else { continue }
      throw .rejected(
        .badField(
          "\(name).\(member)",
          "\(name).\(member): expected none with the type '\(type)', found \(Found.value(value)); leave it out or "
            + "change the type to '\(owner)'"))
    }
    switch type {
    case "json_object": return try objectFormat(format)
    case "json_schema": return try schemaFormat(format)
    default: return nil
    }
  }

  /// Any object, or the values of a schema.
  private static func objectFormat(_ format: FieldReader) throws(ServingError) -> AnswerConstraint {
    var found: (field: String, schema: JSONValue)?
    for member in objectSchemas where format.value(member) != nil {
      let (field, schema) = (format.prefix + member, try format.schema(member))
      if let found, found.schema != schema {
        throw .rejected(
          .badField(
            field,
            "\(field): expected the schema of '\(found.field)', which means the same, found another one; send one of "
              + "the two"))
      }
      found = found ?? (field, schema)
    }
    guard let found else { return AnswerConstraint(field: name, kind: .jsonObject, isResponseFormat: true) }
    return AnswerConstraint(field: found.field, kind: .jsonSchema(found.schema), isResponseFormat: true)
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
