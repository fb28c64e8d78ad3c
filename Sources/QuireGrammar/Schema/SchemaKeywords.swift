import QuireJSON

/// The keywords of schemas by what becomes of them.
enum SchemaKeywords {
  /// Say nothing about values.
  static let ignored: Set<String> = [
    "title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly",
    "$schema",
    "$id", "$comment", "$defs", "definitions", "discriminator", "contentMediaType", "contentEncoding",
  ]

  /// Types in the order in which they are tried, with the keywords that are about them.
  static let byType: [(type: String, keywords: Set<String>)] = [
    (
      "object",
      ["properties", "required", "additionalProperties", "minProperties", "maxProperties"]
    ),
    ("array", ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]),
    ("string", ["minLength", "maxLength", "pattern", "format"]),
    ("number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]),
    ("integer", []), ("boolean", []), ("null", []),
  ]

  /// About values of any type.
  static let general: Set<String> = [
    "type", "nullable", "const", "enum", "anyOf", "oneOf", "allOf", "$ref",
  ]

  static let supported = byType.reduce(into: general) { $0.formUnion($1.keywords) }

  /// The keywords of an object that say something about values, in its order.
  static func constraints(of object: JSONObject) -> [String] {
    object.keys.filter { !isIgnored($0) }
  }

  static func isIgnored(_ keyword: String) -> Bool { ignored.contains(keyword) || keyword.hasPrefix("x-") }
}
