import QuireJSON

/// Equality of values in JSON Schema: 1 and 1.0 are equal, and so are objects with equal members in any order.
enum SchemaValue {
  /// Equal bytes for equal values.
  static func key(_ value: JSONValue) -> [UInt8] { canonical(value).serializedBytes() }

  static func areEqual(_ left: JSONValue, _ right: JSONValue) -> Bool {
    left == right || key(left) == key(right)
  }

  static func contains(_ values: [JSONValue], _ value: JSONValue) -> Bool {
    let wanted = key(value)
    return values.contains { key($0) == wanted }
  }

  private static func canonical(_ value: JSONValue) -> JSONValue {
    switch value {
    case .number(let number):
      if let int = number.int { return .int(int) }
      if number.isIntegerLiteral { return value }
      return number.double.flatMap(JSONNumber.init(exactly:)).map(JSONValue.number) ?? value
    case .array(let elements): return .array(elements.map(canonical))
    case .object(let object):
      var sorted = JSONObject()
      let members = object.members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      for member in members { sorted[member.key] = canonical(member.value) }
      return .object(sorted)
    default: return value
    }
  }
}
