import QuireGrammar
import QuireJSON

/// A constraint on an answer and the field of the request that asks for it.
struct AnswerConstraint: Sendable {
  /// Names the field in messages.
  let field: String
  let kind: Constraint.Kind
  /// Whether it is the API's own format of the content, which an answer of forced calls does not have.
  var isResponseFormat = false
}

/// Reads the constraint on an answer. OpenAI, vLLM, llama-server and SGLang have different fields for it; a request may
/// use one of them, or several for the same constraint.
enum ConstraintFields {
  /// What the value of a field is.
  private enum Form {
    /// A JSON Schema, or its text.
    case schema
    case expression
    case grammar
    case choice
    /// `true` for any JSON object.
    case object
  }

  /// Fields of the request itself. An empty text in one of the last three is the default of some clients and constrains
  /// nothing.
  private static let fields: [(name: String, form: Form)] = [
    ("guided_json", .schema), ("guided_regex", .expression), ("guided_choice", .choice),
    ("guided_grammar", .grammar), ("json_schema", .schema),
  ]
  private static let optionalFields: [(name: String, form: Form)] = [
    ("grammar", .grammar), ("regex", .expression), ("ebnf", .grammar),
  ]

  /// Members of `structured_outputs`.
  private static let members: [(name: String, form: Form)] = [
    ("json", .schema), ("regex", .expression), ("choice", .choice), ("grammar", .grammar),
    ("json_object", .object),
  ]
  private static let neutralMembers = [
    NeutralField("whitespace_pattern", [], "compact, spaced and indented JSON are always allowed"),
    NeutralField("disable_any_whitespace", [false], "compact, spaced and indented JSON are always allowed"),
    NeutralField(
      "disable_additional_properties", [false],
      "objects have further members only where 'additionalProperties' allows them"),
    NeutralField("structural_tag", [], "an answer is constrained as a whole"),
  ]

  static let shape: [String: RequestShape] =
    .any((fields + optionalFields).map(\.name)) + [
      "response_format": ResponseFormat.shape,
      "structured_outputs": .members(members.map(\.name) + neutralMembers.map(\.name)),
    ]

  /// The constraint of a request; nil for an answer that is free. Throws when there are several that differ.
  static func read(_ reader: FieldReader) throws(ServingError) -> AnswerConstraint? {
    var found: [AnswerConstraint] = []
    if let constraint = try ResponseFormat.read(reader) { found.append(constraint) }
    found += try structuredOutputs(reader)
    for (name, form) in fields {
      if let constraint = try read(name, form, reader) { found.append(constraint) }
    }
    for (name, form) in optionalFields where reader.value(name)?.stringValue != "" {
      if let constraint = try read(name, form, reader) { found.append(constraint) }
    }
    // Clients send one constraint in the fields of several servers.
    if let other = found.first(where: { $0.kind != found[0].kind }) {
      throw .rejected(
        .badField(
          other.field,
          "\(other.field): expected no second constraint next to '\(found[0].field)', found another one; send one of the "
            + "two"))
    }
    // A format of the content has no effect beside forced calls; another field must not lose its effect with it.
    return found.first { !$0.isResponseFormat } ?? found.first
  }

  private static func structuredOutputs(_ reader: FieldReader) throws(ServingError) -> [AnswerConstraint] {
    let name = "structured_outputs"
    if reader.value(name)?.boolValue == false { return [] }
    guard let options = try reader.object(name) else { return [] }
    for field in neutralMembers {
      try options.require(field.name, isOneOf: field.values, because: field.reason)
    }
    var found: [AnswerConstraint] = []
    for (name, form) in members {
      if let constraint = try read(name, form, options) { found.append(constraint) }
    }
    return found
  }

  private static func read(
    _ name: String, _ form: Form, _ reader: FieldReader
  ) throws(ServingError) -> AnswerConstraint? {
    guard reader.value(name) != nil else { return nil }
    let kind: Constraint.Kind
    switch form {
    case .schema: kind = .jsonSchema(try reader.schema(name))
    case .expression: kind = .regex(try reader.nonEmptyText(name, "a regular expression"))
    case .grammar: kind = .grammar(try reader.nonEmptyText(name, "a grammar in GBNF"))
    case .choice: kind = .choice(try reader.texts(name))
    case .object:
      guard try reader.bool(name) == true else { return nil }
      kind = .jsonObject
    }
    return AnswerConstraint(field: reader.prefix + name, kind: kind)
  }
}

extension FieldReader {
  /// A JSON Schema: an object, or the text of one. The member must not be absent.
  func schema(_ name: String) throws(ServingError) -> JSONValue {
    let value = value(name) ?? .null
    if value.objectValue != nil { return value }
    if let text = value.stringValue, let schema = try? JSONValue.parse(text), schema.objectValue != nil {
      return schema
    }
    throw wrong(name, expected: "a JSON Schema, which is an object", found: value)
  }

  fileprivate func nonEmptyText(_ name: String, _ expected: String) throws(ServingError) -> String {
    guard let text = value(name)?.stringValue, !text.isEmpty else {
      throw wrong(name, expected: expected, found: value(name) ?? .null)
    }
    return text
  }

  /// The texts that an answer may be: at least one.
  fileprivate func texts(_ name: String) throws(ServingError) -> [String] {
    let texts = value(name)?.arrayValue?.map(\.stringValue) ?? []
    guard !texts.isEmpty, !texts.contains(nil) else {
      throw wrong(name, expected: "an array of one or more strings", found: value(name) ?? .null)
    }
    return texts.compactMap { $0 }
  }
}
