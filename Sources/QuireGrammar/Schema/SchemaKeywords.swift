import QuireJSON

/// The keywords of schemas by what becomes of them.
enum SchemaKeywords {
  /// Keywords of JSON Schema that would constrain values and are not supported.
  static let unsupported: Set<String> = [
    "not", "if", "then", "else", "contains", "minContains", "maxContains", "dependencies",
    "dependentSchemas", "$dynamicRef", "$recursiveRef",
  ]

  /// Types in the order in which they are tried, with the keywords that are about them.
  static let byType: [(type: String, keywords: Set<String>)] = [
    (
      "object",
      [
        "properties", "required", "additionalProperties", "minProperties", "maxProperties", "propertyNames",
        "patternProperties", "unevaluatedProperties", "dependentRequired",
      ]
    ),
    (
      "array",
      [
        "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "unevaluatedItems",
      ]
    ),
    ("string", ["minLength", "maxLength", "pattern", "format"]),
    ("number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    ("integer", []), ("boolean", []), ("null", []),
  ]

  static let types = byType.map(\.type)

  /// About values of any type.
  static let general: Set<String> = [
    "type", "nullable", "const", "enum", "anyOf", "oneOf", "allOf", "$ref",
  ]

  static let supported = byType.reduce(into: general) { $0.formUnion($1.keywords) }

  /// The keywords of an object that say something about values, in its order.
  static func constraints(of object: JSONObject) -> [String] {
    object.keys.filter { !isIgnored($0) }
  }

  /// Whether a keyword says nothing about values: it is an annotation or no keyword of JSON Schema.
  static func isIgnored(_ keyword: String) -> Bool {
    !supported.contains(keyword) && !unsupported.contains(keyword)
  }

  /// Whether a keyword of JSON Schema says nothing with this value.
  static func isNeutral(_ member: JSONObject.Member) -> Bool {
    switch member.key {
    case "patternProperties", "dependencies", "dependentRequired", "dependentSchemas":
      member.value == [:]
    case "propertyNames", "unevaluatedProperties", "unevaluatedItems":
      member.value == true || member.value == [:]
    default: false
    }
  }

  static func isSupported(_ member: JSONObject.Member) -> Bool {
    switch member.key {
    case "unevaluatedProperties", "unevaluatedItems": member.value == false
    default: supported.contains(member.key)
    }
  }

  /// A flat schema whose `unevaluatedProperties` and `unevaluatedItems` are about no other schema any more: what it does
  /// not name itself, nothing else does.
  static func closed(_ flat: JSONObject) -> JSONObject {
    var closed = flat
    let rest = flat["items"]?.arrayValue == nil ? "items" : "additionalItems"
    for (keyword, own) in [("unevaluatedProperties", "additionalProperties"), ("unevaluatedItems", rest)]
    where flat[keyword] != nil {
      closed[keyword] = nil
      closed[own] = flat[own] ?? false
    }
    return closed
  }
}
