import QuireJSON

/// The keys that `propertyNames` and `patternProperties` leave to an object.
enum SchemaKeys {
  case any
  /// Only these, in this order.
  case listed([String])
  /// Only strings of the expression, which includes the quotation marks, with values of the schema.
  case matching(GrammarExpression)

  init(
    of object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) {
    if let patterns = object["patternProperties"] {
      self = .matching(try Self.pattern(patterns, object, at: path, &reader))
      return
    }
    guard let names = object["propertyNames"] else {
      self = .any
      return
    }
    let namesPath = path + ".propertyNames"
    guard var flat = try reader.flattened(names, at: namesPath), Self.takesStrings(&flat) else {
      self = .listed([])
      return
    }
    if flat.isEmpty {
      self = .any
    } else if let values = try SchemaTypes.constants(of: flat, at: namesPath, &reader) {
      self = .listed(values.compactMap(\.stringValue))
    } else {
      self = .matching(try Self.names(flat, object, at: path, &reader))
    }
  }

  /// Removes `type`, as keys are strings; false when it excludes them.
  private static func takesStrings(_ flat: inout JSONObject) -> Bool {
    let type = flat["type"]
    flat["type"] = nil
    flat["nullable"] = nil
    return type?.arrayValue?.contains("string") ?? true
  }

  private static func names(
    _ flat: JSONObject, _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    let known = ["minLength", "maxLength", "pattern", "format"]
    guard flat.keys.allSatisfy(known.contains) else {
      throw reader.unsupported(
        "propertyNames", path, because: "only type, enum, pattern, format and lengths in propertyNames")
    }
    guard object["properties"] == nil, object["required"] == nil else {
      throw reader.unsupported(
        "propertyNames", path, because: "only type and enum in propertyNames next to properties or required")
    }
    return try SchemaScalars.string(flat, at: path + ".propertyNames", &reader)
  }

  private static func pattern(
    _ patterns: JSONValue, _ object: JSONObject, at path: String, _ reader: inout SchemaReader
  ) throws(GrammarError) -> GrammarExpression {
    let others = ["properties", "required", "propertyNames"]
    guard let member = patterns.objectValue?.members.first, patterns.objectValue?.count == 1,
      !others.contains(where: { object[$0] != nil }), object["additionalProperties"] ?? false == false
    else {
      throw reader.unsupported(
        "patternProperties", path,
        because: "one pattern in patternProperties, without other properties next to it")
    }
    return try SchemaScalars.string(
      ["pattern": .string(member.key)], at: path + ".patternProperties", &reader)
  }
}
