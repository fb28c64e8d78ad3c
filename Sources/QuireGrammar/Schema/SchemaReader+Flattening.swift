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
    let own = try ownKeywords(of: object, at: path)
    return try flattened(try parts(of: object, at: path), onto: own, at: path, depth: depth)
  }

  /// A flat schema, which is read at `path`, and others as one. Nil when no value is allowed.
  mutating func flattened(
    _ parts: [Placed<JSONValue>], onto own: JSONObject, at path: String, depth: Int = 0
  ) throws(GrammarError) -> JSONObject? {
    var flat = own
    for part in parts {
      guard let other = try flattened(part.value, at: part.path, depth: depth + 1),
        let both = try merged(
          Placed(flat, at: path), Placed(SchemaKeywords.closed(other), at: part.path), into: path,
          depth: depth)
      else { return nil }
      flat = both
    }
    return flat
  }

  /// The schemas of `$ref`, `allOf` and `dependentRequired`.
  private mutating func parts(
    of object: JSONObject, at path: String
  ) throws(GrammarError) -> [Placed<JSONValue>] {
    var parts: [Placed<JSONValue>] = []
    for member in object.members {
      switch member.key {
      case "$ref":
        guard let pointer = member.value.stringValue else { throw unsupported("$ref", path) }
        try visit(member.value)
        parts.append(Placed(try target(of: pointer, at: path), at: Self.path(of: pointer)))
      case "allOf":
        guard let schemas = member.value.arrayValue else { throw unsupported("allOf", path) }
        for (index, schema) in schemas.enumerated() {
          parts.append(Placed(schema, at: "\(path).allOf[\(index)]"))
        }
      case "dependentRequired":
        for schema in try dependencies(member.value, at: path) {
          parts.append(Placed(schema, at: "\(path).dependentRequired"))
        }
      default: continue
      }
    }
    return parts
  }

  /// For each property of `dependentRequired`: it is not there, or others are, too.
  private mutating func dependencies(
    _ value: JSONValue, at path: String
  ) throws(GrammarError) -> [JSONValue] {
    guard let members = value.objectValue?.members, members.allSatisfy({ $0.value.arrayValue != nil }) else {
      throw unsupported("dependentRequired", path, because: "lists of names in dependentRequired")
    }
    try visit(value)
    return members.map { member in
      let absent = JSONObject(uniqueMembers: [.init(key: member.key, value: false)])
      let names = [.string(member.key)] + (member.value.arrayValue ?? [])
      return ["anyOf": [["properties": .object(absent)], ["required": .array(names)]]]
    }
  }

  /// The keywords of one schema object that say something, each with the types that it is about.
  private mutating func ownKeywords(of object: JSONObject, at path: String) throws(GrammarError) -> JSONObject
  {
    var flat = JSONObject()
    for member in object.members where !["$ref", "allOf", "dependentRequired"].contains(member.key) {
      if SchemaKeywords.isIgnored(member.key) || SchemaKeywords.isNeutral(member) { continue }
      guard SchemaKeywords.isSupported(member) else { throw unsupported(member.key, path) }
      flat[member.key] = member.value
    }
    try readExclusiveBounds(of: &flat, at: path)
    if let pattern = flat["pattern"], pattern.stringValue == nil {
      throw unsupported("pattern", path, because: "a string in pattern")
    }
    // Generators of schemas write the pattern of a format next to it; the pattern is held.
    if case .string? = flat["pattern"], case .string? = flat["format"] { flat["format"] = nil }
    try readTypes(of: &flat, at: path)
    return flat
  }

  /// Rewrites `exclusiveMinimum` and `exclusiveMaximum` that are booleans, as in JSON Schema's draft 4 and OpenAPI 3.0:
  /// `true` excludes the bound that stands next to it.
  private func readExclusiveBounds(of flat: inout JSONObject, at path: String) throws(GrammarError) {
    for (keyword, boundKeyword) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
      guard case .bool(let isExclusive)? = flat[keyword] else { continue }
      flat[keyword] = nil
      if !isExclusive { continue }
      guard let bound = flat[boundKeyword] else {
        throw error(
          path, expected: "'\(boundKeyword)' next to '\(keyword)': true", found: "none",
          advice: "add it, or write the bound in '\(keyword)'", keyword: keyword)
      }
      (flat[boundKeyword], flat[keyword]) = (nil, bound)
    }
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
