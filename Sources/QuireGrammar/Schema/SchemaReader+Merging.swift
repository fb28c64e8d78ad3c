import QuireJSON

// Two flat schemas that hold at once become one. The work is counted, as the same schema may be referenced many times.

extension SchemaReader {
  /// The schema of values that two flat schemas allow, which is read at `path`. Nil when they contradict each other.
  mutating func merged(
    _ left: Placed<JSONObject>, _ right: Placed<JSONObject>, into path: String, depth: Int = 0
  ) throws(GrammarError) -> JSONObject? {
    let (one, other) = (left.value, right.value)
    try visit(one.count + other.count)
    guard let values = try mergedValues(one, other) else { return nil }
    try refuseForeignKeys(of: left, right)
    try refuseForeignKeys(of: right, left)
    var result = one
    for member in other.members where one[member.key] == nil { result[member.key] = member.value }
    for member in values.members { result[member.key] = member.value }
    if values["type"] != nil { result["nullable"] = nil }
    for keyword in result.keys where one[keyword] == nil || other[keyword] == nil {
      let source = one[keyword] == nil ? right.path : left.path
      try note("\(path).\(keyword)", from: "\(source).\(keyword)")
    }
    for member in other.members where !Self.keywordsMergedTogether.contains(member.key) {
      guard one[member.key] != nil else { continue }
      result[member.key] = try merged(
        member.key, placed(member.key, of: left), placed(member.key, of: right), into: path, depth: depth)
    }
    try mergeElements(left, right, into: &result, at: path, depth: depth)
    guard Self.excludeImpossibleTypes(in: &result, of: one, other),
      try mergeProperties(left, right, into: &result, at: path, depth: depth)
    else { return nil }
    return result
  }

  /// The value of a keyword that may be missing.
  private func placed(_ keyword: String, of schema: Placed<JSONObject>) -> Placed<JSONValue?> {
    Placed(schema.value[keyword], at: "\(schema.path).\(keyword)")
  }

  /// Keywords whose merging depends on others.
  private static let keywordsMergedTogether: Set<String> = [
    "type", "const", "enum", "properties", "items", "prefixItems", "additionalItems",
  ]

  /// Refuses two schemas where the additional properties of one depend on what the other names: a merged schema has the
  /// names of both.
  private func refuseForeignKeys(
    of one: Placed<JSONObject>, _ other: Placed<JSONObject>
  ) throws(GrammarError) {
    let additional = one.value["additionalProperties"] ?? true
    if additional == true || additional == [:] { return }
    let known = one.value["properties"]?.objectValue
    let isSubset = other.value["properties"]?.objectValue?.keys.allSatisfy { known?[$0] != nil } ?? true
    if other.value["patternProperties"] != nil || one.value["patternProperties"] != nil && !isSubset {
      throw unsupported(
        "additionalProperties", one.path,
        because: "no 'additionalProperties' next to 'patternProperties' in schemas that hold together")
    }
    if additional == false && !isSubset {
      throw unsupported("additionalProperties", one.path, because: Self.closedParts)
    }
  }

  private static let closedParts =
    "no 'additionalProperties' or 'unevaluatedProperties': false in a part that lacks properties of another"

  // MARK: Types and constants

  /// `type`, `const` and `enum` of both, as far as either has them. Nil when no value is left.
  private mutating func mergedValues(
    _ left: JSONObject, _ right: JSONObject
  ) throws(GrammarError) -> JSONObject? {
    var result = JSONObject()
    if let one = left["type"]?.arrayValue, let other = right["type"]?.arrayValue {
      let common = Self.common(one, other)
      if common.isEmpty { return nil }
      result["type"] = .array(common)
    } else {
      result["type"] = left["type"] ?? right["type"]
    }
    let constant = left["const"] ?? right["const"]
    if let constant {
      try visit(constant)
      if let other = right["const"], !SchemaValue.areEqual(other, constant) { return nil }
    }
    var listed = (left["enum"] ?? right["enum"])?.arrayValue
    if case .array(let one)? = left["enum"], case .array(let other)? = right["enum"] {
      let both = try intersection(one, other)
      if both.isEmpty { return nil }
      result["enum"] = .array(both)
      listed = both
    }
    guard let constant, let listed else { return result }
    try visit(listed.count)
    try visit(.array(listed))
    return SchemaValue.contains(listed, constant) ? result : nil
  }

  /// The types of both lists, each once; an integer is a number.
  private static func common(_ left: [JSONValue], _ right: [JSONValue]) -> [JSONValue] {
    func holds(_ types: [JSONValue], _ type: JSONValue) -> Bool {
      types.contains(type) || (type == "integer" && types.contains("number"))
    }
    return left.filter { holds(right, $0) } + right.filter { holds(left, $0) && !left.contains($0) }
  }

  /// Excludes the types whose least count is of one side and above the greatest of the other. False when none is left.
  private static func excludeImpossibleTypes(
    in result: inout JSONObject, of left: JSONObject, _ right: JSONObject
  ) -> Bool {
    for (type, least, greatest) in [
      ("string", "minLength", "maxLength"), ("array", "minItems", "maxItems"),
      ("object", "minProperties", "maxProperties"),
    ] {
      let isAbove = [(left, right), (right, left)].contains { one, other in
        guard let low = one[least]?.intValue, let high = other[greatest]?.intValue else { return false }
        return low > high
      }
      // What contradicts itself on one side is refused with a sentence about it.
      guard isAbove, let types = SchemaTypes.types(of: result) else { continue }
      let rest = types.filter { $0 != type }
      if rest.isEmpty { return false }
      result["type"] = .array(rest.map(JSONValue.string))
      for keyword in [least, greatest] { result[keyword] = nil }
    }
    return true
  }

  // MARK: Other keywords

  /// The value of a keyword that both have.
  private mutating func merged(
    _ keyword: String, _ left: Placed<JSONValue?>, _ right: Placed<JSONValue?>, into path: String, depth: Int
  ) throws(GrammarError) -> JSONValue {
    let (one, other) = (left.value ?? true, right.value ?? true)
    switch (keyword, one, other) {
    case ("required", .array(let one), .array(let other)):
      return .array(try union(one, other))
    case ("additionalProperties", _, _), ("propertyNames", _, _):
      return try both(left, right, into: "\(path).\(keyword)", depth: depth)
    case ("patternProperties", .object(let one), .object(let other)):
      return try mergedMembers(
        Placed(one, at: left.path), Placed(other, at: right.path), into: "\(path).\(keyword)", depth: depth)
    case ("uniqueItems", .bool(let one), .bool(let other)): return .bool(one || other)
    case ("minimum", .number, .number), ("exclusiveMinimum", .number, .number),
      ("minLength", .number, .number), ("minItems", .number, .number), ("minProperties", .number, .number):
      return try chosen(Self.isBelow(one, other) ? right : left, into: "\(path).\(keyword)")
    case ("maximum", .number, .number), ("exclusiveMaximum", .number, .number),
      ("maxLength", .number, .number), ("maxItems", .number, .number), ("maxProperties", .number, .number):
      return try chosen(Self.isBelow(other, one) ? right : left, into: "\(path).\(keyword)")
    default:
      try visit(one)
      if one == other { return try chosen(left, into: "\(path).\(keyword)") }
    }
    if keyword == "multipleOf", let step = NumberStep(one), let second = NumberStep(other),
      let both = step.commonMultiple(with: second)
    {
      return both.value
    }
    if keyword == "pattern" { return .array((one.arrayValue ?? [one]) + (other.arrayValue ?? [other])) }
    if case (.array(let branches), .array) = (one, other), keyword == "anyOf" || keyword == "oneOf" {
      return try pairs(
        keyword, Placed(branches, at: left.path), Placed(other, at: right.path), into: "\(path).\(keyword)")
    }
    throw unsupported(
      keyword, String(right.path.dropLast(keyword.count + 1)),
      because: "each keyword once among schemas that hold together")
  }

  /// One of two values, which is read at `path`.
  private mutating func chosen(
    _ value: Placed<JSONValue?>, into path: String
  ) throws(GrammarError) -> JSONValue {
    try note(path, from: value.path)
    return value.value ?? true
  }

  /// Branches that hold together with branches: each of the first with any of the others.
  private mutating func pairs(
    _ keyword: String, _ branches: Placed<[JSONValue]>, _ others: Placed<JSONValue>, into path: String
  ) throws(GrammarError) -> JSONValue {
    let other = JSONValue.object([keyword: others.value])
    var pairs: [JSONValue] = []
    for (index, branch) in branches.value.enumerated() {
      let pair = "\(path)[\(index)].allOf"
      try note("\(pair)[0]", from: "\(branches.path)[\(index)]")
      try note("\(pair)[1].\(keyword)", from: others.path)
      pairs.append(["allOf": [branch, other]])
    }
    return .array(pairs)
  }

  private static func isBelow(_ left: JSONValue, _ right: JSONValue) -> Bool {
    // Floats of 64 bits do not tell large integers apart.
    if let left = left.intValue, let right = right.intValue { return left < right }
    return left.doubleValue ?? 0 < right.doubleValue ?? 0
  }

  /// The names of both lists, in their order.
  private mutating func union(
    _ left: [JSONValue], _ right: [JSONValue]
  ) throws(GrammarError) -> [JSONValue] {
    try visit(.array(left))
    try visit(.array(right))
    try visit(left.count + right.count)
    var known: Set<[UInt8]> = []
    return (left + right).filter { known.insert($0.serializedBytes()).inserted }
  }

  /// The values that are in both lists, in the order of the first.
  private mutating func intersection(
    _ left: [JSONValue], _ right: [JSONValue]
  ) throws(GrammarError) -> [JSONValue] {
    try visit(.array(left))
    try visit(.array(right))
    try visit(left.count)
    let known = Set(right.map(SchemaValue.key))
    return left.filter { known.contains(SchemaValue.key($0)) }
  }

  // MARK: Schemas in schemas

  /// The schema of values that both allow, which is read at `path`; nil is a schema that says nothing.
  private mutating func both(
    _ left: Placed<JSONValue?>, _ right: Placed<JSONValue?>, into path: String, depth: Int
  ) throws(GrammarError) -> JSONValue {
    let free: [JSONValue] = [true, [:]]
    let (one, other) = (left.value ?? true, right.value ?? true)
    if free.contains(one) { return try chosen(right, into: path) }
    if free.contains(other) { return try chosen(left, into: path) }
    try visit(one)
    if one == other { return try chosen(left, into: path) }
    guard let one = try flattened(one, at: left.path, depth: depth + 1),
      let other = try flattened(other, at: right.path, depth: depth + 1),
      let both = try merged(
        Placed(SchemaKeywords.closed(one), at: left.path),
        Placed(SchemaKeywords.closed(other), at: right.path), into: path, depth: depth + 1)
    else { return false }
    return .object(try readable(both, at: path))
  }

  /// A flat schema as one that is read again: there a schema has one pattern, and holds no format next to it.
  private mutating func readable(_ flat: JSONObject, at path: String) throws(GrammarError) -> JSONObject {
    guard let pattern = flat["pattern"] else { return flat }
    let texts: [JSONValue] =
      (pattern.arrayValue ?? [pattern]).map { ["pattern": $0] }
      + (flat["format"].map { [["format": $0]] } ?? [])
    if texts.count == 1 { return flat }
    for index in texts.indices { try note("\(path).allOf[\(index)]", from: path) }
    var readable = flat
    readable["pattern"] = nil
    readable["format"] = nil
    readable["allOf"] = .array(texts)
    return readable
  }

  /// The schemas of both objects by name, as those of `patternProperties`.
  private mutating func mergedMembers(
    _ left: Placed<JSONObject>, _ right: Placed<JSONObject>, into path: String, depth: Int
  ) throws(GrammarError) -> JSONValue {
    try visit(left.value.count + right.value.count)
    var members = JSONObject()
    for name in left.value.keys + right.value.keys.filter({ left.value[$0] == nil }) {
      members[name] = try both(
        property(name, of: left), property(name, of: right), into: "\(path).\(Self.shortened(name))",
        depth: depth)
    }
    return .object(members)
  }

  /// The schema of a name among schemas by name.
  private func property(_ name: String, of schemas: Placed<JSONObject>) -> Placed<JSONValue?> {
    Placed(schemas.value[name], at: "\(schemas.path).\(Self.shortened(name))")
  }

  /// `properties`: what only one side names is an additional property of the other. False when a property that must be
  /// there cannot be.
  private mutating func mergeProperties(
    _ left: Placed<JSONObject>, _ right: Placed<JSONObject>, into result: inout JSONObject, at path: String,
    depth: Int
  ) throws(GrammarError) -> Bool {
    if left.value["properties"] == nil && right.value["properties"] == nil { return true }
    let (one, other) = (try properties(of: left), try properties(of: right))
    let required = Set((result["required"]?.arrayValue ?? []).map { $0.serializedBytes() })
    try visit(one.value.count + other.value.count + required.count)
    let isObject = SchemaTypes.types(of: result) == ["object"]
    var properties = JSONObject()
    for name in one.value.keys + other.value.keys.filter({ one.value[$0] == nil }) {
      let value = try both(
        one.value[name] == nil ? placed("additionalProperties", of: left) : property(name, of: one),
        other.value[name] == nil ? placed("additionalProperties", of: right) : property(name, of: other),
        into: "\(path).properties.\(Self.shortened(name))", depth: depth)
      if isObject, value == false, required.contains(JSONValue.string(name).serializedBytes()) {
        return false
      }
      properties[name] = value
    }
    result["properties"] = .object(properties)
    return true
  }

  private func properties(of schema: Placed<JSONObject>) throws(GrammarError) -> Placed<JSONObject> {
    guard let properties = (schema.value["properties"] ?? [:]).objectValue else {
      throw unsupported("properties", schema.path, because: "an object of schemas in properties")
    }
    return Placed(properties, at: schema.path + ".properties")
  }

  /// `prefixItems` and `items`: a position that only one side's list has is one of the other's further items.
  private mutating func mergeElements(
    _ left: Placed<JSONObject>, _ right: Placed<JSONObject>, into result: inout JSONObject, at path: String,
    depth: Int
  ) throws(GrammarError) {
    let one = try SchemaArrays.Elements(of: left.value, at: left.path, self)
    let other = try SchemaArrays.Elements(of: right.value, at: right.path, self)
    if one.isFree && other.isFree { return }
    try visit(one.prefix.count + other.prefix.count)
    var prefix: [JSONValue] = []
    for index in 0..<max(one.prefix.count, other.prefix.count) {
      prefix.append(
        try both(
          one.schema(at: index), other.schema(at: index), into: "\(path).prefixItems[\(index)]", depth: depth)
      )
    }
    for keyword in ["additionalItems", "prefixItems", "items"] { result[keyword] = nil }
    if !prefix.isEmpty { result["prefixItems"] = .array(prefix) }
    guard one.items.value != nil || other.items.value != nil else { return }
    result["items"] = try both(one.items, other.items, into: "\(path).items", depth: depth)
  }
}
