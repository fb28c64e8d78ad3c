import QuireJSON

// `allOf`, and `$ref` with keywords next to it: several schemas that hold at once become one.

extension SchemaReader {
  /// A schema without `allOf` and `$ref`, and without what says nothing. Nil when no value is allowed.
  mutating func flattened(
    _ object: JSONObject, at path: String, depth: Int = 0
  ) throws(GrammarError) -> JSONObject? {
    guard depth <= GrammarLimits.depthMaximum else {
      throw error(
        path, expected: "at most \(GrammarLimits.depthMaximum) schemas one in the other", found: "more",
        advice: "remove the circle of $ref or allOf", keyword: "allOf")
    }
    try visit(object.count)
    var flat = JSONObject()
    var parts: [(JSONValue, String)] = []
    for member in object.members where !SchemaKeywords.isIgnored(member.key) {
      switch member.key {
      case "$ref":
        guard let pointer = member.value.stringValue else { throw unsupported("$ref", path) }
        parts.append((try target(of: pointer, at: path), path))
      case "allOf":
        guard let schemas = member.value.arrayValue else { throw unsupported("allOf", path) }
        for (index, schema) in schemas.enumerated() { parts.append((schema, "\(path).allOf[\(index)]")) }
      default:
        guard SchemaKeywords.supported.contains(member.key) else { throw unsupported(member.key, path) }
        flat[member.key] = member.value
      }
    }
    for (schema, schemaPath) in parts {
      switch schema {
      case .bool(true): continue
      case .bool(false): return nil
      case .object(let part):
        guard let other = try flattened(part, at: schemaPath, depth: depth + 1) else { return nil }
        flat = try merged(flat, other, at: schemaPath)
      default:
        throw error(schemaPath, expected: "a schema", found: schema.kindDescription, advice: "correct it")
      }
    }
    return flat
  }

  /// The schema of values that two flat schemas allow.
  private mutating func merged(
    _ left: JSONObject, _ right: JSONObject, at path: String
  ) throws(GrammarError) -> JSONObject {
    var result = left
    for (one, other) in [(left, right), (right, left)] where one["additionalProperties"] == .bool(false) {
      let known = one["properties"]?.objectValue
      let isSubset = other["properties"]?.objectValue?.keys.allSatisfy { known?[$0] != nil } ?? true
      if !isSubset { throw unsupported("additionalProperties", path, because: Self.closedParts) }
    }
    for member in right.members {
      guard let value = left[member.key], value != member.value else {
        result[member.key] = member.value
        continue
      }
      result[member.key] = try merged(member.key, value, member.value, at: path)
    }
    return result
  }

  private static let closedParts =
    "no 'additionalProperties': false in a part of allOf that lacks properties of another"

  private mutating func merged(
    _ keyword: String, _ left: JSONValue, _ right: JSONValue, at path: String
  ) throws(GrammarError) -> JSONValue {
    switch (keyword, left, right) {
    case ("properties", .object(var left), .object(let right)):
      try visit(left.count)
      for member in right.members {
        let known = left[member.key]
        left[member.key] = known.map { ["allOf": [$0, member.value]] } ?? member.value
      }
      return .object(left)
    case ("required", .array(let left), .array(let right)):
      return .array(left + right.filter { !left.contains($0) })
    case ("enum", .array(let left), .array(let right)):
      try visit(left.count)
      return .array(left.filter(right.contains))
    case ("type", _, _):
      let types = (left.arrayValue ?? [left], right.arrayValue ?? [right])
      return .array(Self.common(types.0, types.1))
    case ("minimum", .number, .number), ("exclusiveMinimum", .number, .number),
      ("minLength", .number, .number), ("minItems", .number, .number), ("minProperties", .number, .number):
      return left.doubleValue ?? 0 >= right.doubleValue ?? 0 ? left : right
    case ("maximum", .number, .number), ("exclusiveMaximum", .number, .number),
      ("maxLength", .number, .number), ("maxItems", .number, .number), ("maxProperties", .number, .number):
      return left.doubleValue ?? 0 <= right.doubleValue ?? 0 ? left : right
    default:
      throw unsupported(keyword, path, because: "each keyword once among schemas that hold together")
    }
  }

  /// The types of both lists; an integer is a number.
  private static func common(_ left: [JSONValue], _ right: [JSONValue]) -> [JSONValue] {
    func holds(_ types: [JSONValue], _ type: JSONValue) -> Bool {
      types.contains(type) || (type == "integer" && types.contains("number"))
    }
    return left.filter { holds(right, $0) } + right.filter { holds(left, $0) && !left.contains($0) }
  }
}
