import QuireJSON

// Two flat schemas that hold at once become one. The work is counted, as the same schema may be referenced many times.

extension SchemaReader {
  /// The schema of values that two flat schemas allow. Nil when they contradict each other.
  mutating func merged(
    _ left: JSONObject, _ right: JSONObject, at path: String, depth: Int = 0
  ) throws(GrammarError) -> JSONObject? {
    try visit(left.count + right.count)
    guard let values = try mergedValues(left, right) else { return nil }
    try refuseUnmergeable(left, right, at: path)
    var result = left
    for member in right.members where left[member.key] == nil { result[member.key] = member.value }
    for member in values.members { result[member.key] = member.value }
    if values["type"] != nil { result["nullable"] = nil }
    for member in right.members where !Self.keywordsMergedTogether.contains(member.key) {
      guard let value = left[member.key] else { continue }
      result[member.key] = try merged(member.key, value, member.value, at: path, depth: depth)
    }
    try mergeElements(left, right, into: &result, at: path, depth: depth)
    guard Self.excludeImpossibleTypes(in: &result, of: left, right),
      try mergeProperties(left, right, into: &result, at: path, depth: depth)
    else { return nil }
    return result
  }

  /// Keywords whose merging depends on others.
  private static let keywordsMergedTogether: Set<String> = [
    "type", "const", "enum", "properties", "items", "prefixItems", "additionalItems",
  ]

  private func refuseUnmergeable(
    _ left: JSONObject, _ right: JSONObject, at path: String
  ) throws(GrammarError) {
    for (one, other) in [(left, right), (right, left)] {
      if one["pattern"] != nil, other["format"] != nil {
        throw unsupported("format", path, because: "not both 'pattern' and 'format'")
      }
      let isAboutKeys = ["properties", "required", "additionalProperties", "propertyNames"].contains {
        other[$0] != nil
      }
      if one["patternProperties"] != nil, isAboutKeys {
        throw unsupported(
          "patternProperties", path, because: "no 'patternProperties' among schemas about the same object")
      }
      guard one["additionalProperties"] == .bool(false) else { continue }
      let known = one["properties"]?.objectValue
      let isSubset = other["properties"]?.objectValue?.keys.allSatisfy { known?[$0] != nil } ?? true
      if !isSubset { throw unsupported("additionalProperties", path, because: Self.closedParts) }
    }
  }

  private static let closedParts =
    "no 'additionalProperties': false in a part of allOf that lacks properties of another"

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
      if let other = right["const"], other != constant { return nil }
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
    return listed.contains(constant) ? result : nil
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

  private mutating func merged(
    _ keyword: String, _ left: JSONValue, _ right: JSONValue, at path: String, depth: Int
  ) throws(GrammarError) -> JSONValue {
    switch (keyword, left, right) {
    case ("required", .array(let left), .array(let right)):
      return .array(try union(left, right))
    case ("additionalProperties", _, _), ("propertyNames", _, _):
      return try both(left, right, at: "\(path).\(keyword)", depth: depth)
    case ("uniqueItems", .bool(let left), .bool(let right)): return .bool(left || right)
    case ("minimum", .number, .number), ("exclusiveMinimum", .number, .number),
      ("minLength", .number, .number), ("minItems", .number, .number), ("minProperties", .number, .number):
      return Self.isBelow(left, right) ? right : left
    case ("maximum", .number, .number), ("exclusiveMaximum", .number, .number),
      ("maxLength", .number, .number), ("maxItems", .number, .number), ("maxProperties", .number, .number):
      return Self.isBelow(right, left) ? right : left
    default:
      try visit(left)
      if left == right { return left }
      throw unsupported(keyword, path, because: "each keyword once among schemas that hold together")
    }
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
    let known = Set(right.map { $0.serializedBytes() })
    return left.filter { known.contains($0.serializedBytes()) }
  }

  // MARK: Schemas in schemas

  /// The schema of values that both allow; nil is a schema that says nothing.
  private mutating func both(
    _ left: JSONValue?, _ right: JSONValue?, at path: String, depth: Int
  ) throws(GrammarError) -> JSONValue {
    let free: [JSONValue] = [true, [:]]
    let (left, right) = (left ?? true, right ?? true)
    if free.contains(left) { return right }
    if free.contains(right) { return left }
    try visit(left)
    if left == right { return left }
    guard let one = try flattened(left, at: path, depth: depth + 1),
      let other = try flattened(right, at: path, depth: depth + 1),
      let both = try merged(one, other, at: path, depth: depth + 1)
    else { return false }
    return .object(both)
  }

  /// `properties`: what only one side names is an additional property of the other. False when a property that must be
  /// there cannot be.
  private mutating func mergeProperties(
    _ left: JSONObject, _ right: JSONObject, into result: inout JSONObject, at path: String, depth: Int
  ) throws(GrammarError) -> Bool {
    if left["properties"] == nil && right["properties"] == nil { return true }
    let empty = JSONValue.object(JSONObject())
    guard let one = (left["properties"] ?? empty).objectValue,
      let other = (right["properties"] ?? empty).objectValue
    else { throw unsupported("properties", path, because: "an object of schemas in properties") }
    let required = Set((result["required"]?.arrayValue ?? []).map { $0.serializedBytes() })
    try visit(one.count + other.count + required.count)
    let isObject = SchemaTypes.types(of: result) == ["object"]
    var properties = JSONObject()
    let names = one.keys + other.keys.filter { one[$0] == nil }
    for name in names {
      let value = try both(
        one[name] ?? left["additionalProperties"], other[name] ?? right["additionalProperties"],
        at: "\(path).properties.\(Self.shortened(name))", depth: depth)
      if isObject, value == false, required.contains(JSONValue.string(name).serializedBytes()) {
        return false
      }
      properties[name] = value
    }
    result["properties"] = .object(properties)
    return true
  }

  /// `prefixItems` and `items`: a position that only one side's list has is one of the other's further items.
  private mutating func mergeElements(
    _ left: JSONObject, _ right: JSONObject, into result: inout JSONObject, at path: String, depth: Int
  ) throws(GrammarError) {
    let one = try SchemaArrays.Elements(of: left, at: path, self)
    let other = try SchemaArrays.Elements(of: right, at: path, self)
    if one.isFree && other.isFree { return }
    try visit(one.prefix.count + other.prefix.count)
    var prefix: [JSONValue] = []
    for index in 0..<max(one.prefix.count, other.prefix.count) {
      prefix.append(
        try both(
          one.schema(at: index), other.schema(at: index), at: "\(path).prefixItems[\(index)]", depth: depth))
    }
    for keyword in ["additionalItems", "prefixItems", "items"] { result[keyword] = nil }
    if !prefix.isEmpty { result["prefixItems"] = .array(prefix) }
    guard one.items != nil || other.items != nil else { return }
    result["items"] = try both(one.items, other.items, at: "\(path).items", depth: depth)
  }
}
