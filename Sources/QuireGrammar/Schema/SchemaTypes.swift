import QuireJSON

/// Schemas without combinations: constants, or values of one type or several.
enum SchemaTypes {
  static func expression(
    _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    if let allowed = try constants(of: object, at: path, &reader) {
      return .choice(allowed.map { reader.json.constant($0) })
    }
    let object = SchemaKeywords.closed(object)
    guard let types = types(of: object) else { return reader.json.value }
    var parts: [GrammarExpression] = []
    for type in types { parts.append(try value(of: type, object, at: path, &reader)) }
    return .choice(parts)
  }

  /// The types that a flat schema allows; nil for all. What is written with one type's keywords only, is of that type.
  static func types(of object: JSONObject) -> [String]? {
    var types: [String]
    if let written = object["type"]?.arrayValue {
      types = written.compactMap(\.stringValue)
    } else {
      types = SchemaKeywords.byType.filter { entry in object.keys.contains { entry.keywords.contains($0) } }
        .map(\.type)
      if types.isEmpty { return nil }
      if object["nullable"] == .bool(true) { types.append("null") }
    }
    if types.contains("number") { types.removeAll { $0 == "integer" } }
    return types
  }

  /// The values of `const` or `enum` that the rest of a flat schema allows, in their order; nil without these keywords.
  static func constants(
    of object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> [JSONValue]? {
    guard let keyword = ["const", "enum"].first(where: { object[$0] != nil }) else { return nil }
    guard let listed = (object["enum"] ?? .array([.null])).arrayValue, !listed.isEmpty else {
      throw reader.unsupported("enum", path, because: "a list of values in enum")
    }
    // A bound that cannot be read would allow every value.
    if let wrong = SchemaBounds.keywords.first(where: { object[$0].map { $0.doubleValue == nil } ?? false }) {
      throw reader.unsupported(wrong, path, because: "a number in \(wrong)")
    }
    _ = try SchemaScalars.step(of: "number", object, at: path, reader)
    try reader.visit(listed.count)
    try reader.visit(.array(listed))
    var values = listed
    if let constant = object["const"] {
      try reader.visit(constant)
      values = object["enum"] == nil || SchemaValue.contains(listed, constant) ? [constant] : []
    }
    let types = object["type"] == nil ? nil : self.types(of: object)
    values = values.filter { value in types.map { isOf($0, value) } ?? true }
    let known = ["const", "enum", "type", "nullable", "pattern", "format"] + SchemaBounds.keywords
    let others = object.keys.filter { !known.contains($0) }
    if let other = others.first(where: { keyword in values.contains { isAbout(keyword, $0) } }) {
      throw reader.unsupported(
        other, path,
        because: "only 'type', 'pattern', 'format' and bounds of numbers and lengths next to '\(keyword)'")
    }
    values = values.filter { SchemaBounds.allow($0, object) }
    return try SchemaScalars.matching(values, object, at: path, &reader)
  }

  /// Whether a keyword says something about a value.
  private static func isAbout(_ keyword: String, _ value: JSONValue) -> Bool {
    SchemaKeywords.byType.first { $0.keywords.contains(keyword) }.map { isOf([$0.type], value) } ?? true
  }

  private static func isOf(_ types: [String], _ value: JSONValue) -> Bool {
    switch value {
    case .null: types.contains("null")
    case .bool: types.contains("boolean")
    case .number: types.contains("number") || (types.contains("integer") && value.intValue != nil)
    case .string: types.contains("string")
    case .array: types.contains("array")
    case .object: types.contains("object")
    }
  }

  private static func value(
    of type: String, _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    switch type {
    case "object": return try SchemaObjects.expression(object, at: path, &reader)
    case "array": return try SchemaArrays.expression(object, at: path, &reader)
    case "string": return try SchemaScalars.string(object, at: path, &reader)
    case "number", "integer": return try SchemaScalars.number(type, object, at: path, &reader)
    case "boolean": return JSONGrammar.boolean
    default: return JSONGrammar.null
    }
  }
}

extension SchemaReader {
  /// A count that a keyword gives; nil when the keyword is not there.
  func count(
    _ keyword: String, of object: JSONObject, atMost limit: Int = GrammarLimits.repetitionMaximum,
    at path: String
  ) throws(GrammarError) -> Int? {
    guard let value = object[keyword] else { return nil }
    guard let count = value.count.value(atMost: limit) else {
      throw error(
        path, expected: "a count from 0 to \(limit) in \(keyword)",
        found: String(value.serialized().prefix(40)), advice: "use a smaller one or leave it out",
        keyword: keyword)
    }
    return count
  }

  /// Two counts, the second not below the first.
  func counts(
    _ minimum: String, _ maximum: String, of object: JSONObject,
    atMost limit: Int = GrammarLimits.repetitionMaximum, at path: String
  ) throws(GrammarError) -> (minimum: Int, maximum: Int?) {
    let low = try count(minimum, of: object, at: path) ?? 0
    let high = try count(maximum, of: object, atMost: limit, at: path)
    if let high, high < low {
      throw error(
        path, expected: "\(minimum) at most \(maximum)", found: "\(low) and \(high)", advice: "correct them",
        keyword: minimum)
    }
    return (low, high)
  }
}
