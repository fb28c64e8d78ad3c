import QuireJSON

// `allOf`, and `$ref` with keywords next to it: several schemas that hold at once become one.

extension SchemaReader {
  /// A schema without `allOf` and `$ref`, and without what says nothing. Nil when no value is allowed.
  mutating func flattened(
    _ schema: JSONValue, at path: String, depth: Int = 0
  ) throws(GrammarError) -> JSONObject? {
    switch schema {
    case .bool(let isAllowed): return isAllowed ? JSONObject() : nil
    case .object(let object): return try flattened(object, at: path, depth: depth)
    default: throw noSchema(schema, path)
    }
  }

  mutating func flattened(
    _ object: JSONObject, at path: String, depth: Int = 0
  ) throws(GrammarError) -> JSONObject? {
    guard depth <= GrammarLimits.depthMaximum else {
      throw error(
        path, expected: "at most \(GrammarLimits.depthMaximum) schemas one in the other", found: "more",
        advice: "remove the circle of $ref or allOf", keyword: "allOf")
    }
    try visit(object.count)
    var flat = try ownKeywords(of: object, at: path)
    for (schema, schemaPath) in try parts(of: object, at: path) {
      guard let part = try flattened(schema, at: schemaPath, depth: depth + 1),
        let both = try merged(flat, part, at: schemaPath, depth: depth)
      else { return nil }
      flat = both
    }
    return flat
  }

  /// The schemas of `$ref` and `allOf`, with their paths.
  private mutating func parts(
    of object: JSONObject, at path: String
  ) throws(GrammarError) -> [(schema: JSONValue, path: String)] {
    var parts: [(JSONValue, String)] = []
    for member in object.members {
      switch member.key {
      case "$ref":
        guard let pointer = member.value.stringValue else { throw unsupported("$ref", path) }
        try visit(member.value)
        parts.append((try target(of: pointer, at: path), Self.path(of: pointer)))
      case "allOf":
        guard let schemas = member.value.arrayValue else { throw unsupported("allOf", path) }
        for (index, schema) in schemas.enumerated() { parts.append((schema, "\(path).allOf[\(index)]")) }
      default: continue
      }
    }
    return parts
  }

  /// The keywords of one schema object that say something, each with the types that it is about.
  private mutating func ownKeywords(of object: JSONObject, at path: String) throws(GrammarError) -> JSONObject
  {
    var flat = JSONObject()
    for member in object.members where !["$ref", "allOf"].contains(member.key) {
      if SchemaKeywords.isIgnored(member.key) || SchemaKeywords.isNeutral(member) { continue }
      guard SchemaKeywords.isSupported(member) else { throw unsupported(member.key, path) }
      flat[member.key] = member.value
    }
    // Generators of schemas write the pattern of a format next to it; the pattern is held.
    if case .string? = flat["pattern"], case .string? = flat["format"] { flat["format"] = nil }
    try readTypes(of: &flat, at: path)
    return flat
  }

  /// Checks `type` and lists each type once, with `null` for `nullable`, which means nothing without `type`.
  private mutating func readTypes(of flat: inout JSONObject, at path: String) throws(GrammarError) {
    guard let written = flat["type"] else { return }
    let list = written.arrayValue ?? [written]
    try visit(list.count)
    var types: [String] = []
    for type in list {
      let name = type.stringValue ?? ""
      guard SchemaKeywords.types.contains(name) else {
        throw error(
          path, expected: "a type among \(SchemaKeywords.types.joined(separator: ", "))",
          found: "'\(name.prefix(40))'", advice: "correct it", keyword: "type")
      }
      if !types.contains(name) { types.append(name) }
    }
    if flat["nullable"] == .bool(true) && !types.contains("null") { types.append("null") }
    flat["nullable"] = nil
    flat["type"] = .array(types.map(JSONValue.string))
  }
}
