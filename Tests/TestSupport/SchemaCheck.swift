package import QuireJSON

/// Checks a value against a JSON Schema, plainly: the judge of tests about constrained answers. Knows the keywords that
/// `RandomSchema` writes and those of its kind.
package enum SchemaCheck {
  package static func accepts(_ schema: JSONValue, _ value: JSONValue, root: JSONValue? = nil) -> Bool {
    let root = root ?? schema
    if case .bool(let allowed) = schema { return allowed }
    if let pointer = schema["$ref"]?.stringValue {
      let target = pointer.split(separator: "/").dropFirst().reduce(root) { $0[String($1)] ?? .null }
      return accepts(target, value, root: root)
    }
    if let constant = schema["const"], constant != value { return false }
    if let values = schema["enum"]?.arrayValue, !values.contains(value) { return false }
    if let branches = schema["anyOf"]?.arrayValue,
      !branches.contains(where: { accepts($0, value, root: root) })
    {
      return false
    }
    if let type = schema["type"] {
      let types = (type.arrayValue ?? [type]).compactMap(\.stringValue)
      if !types.contains(where: { isOf($0, value) }) { return false }
    }
    return acceptsParts(schema, value, root: root)
  }

  private static func isOf(_ type: String, _ value: JSONValue) -> Bool {
    switch value {
    case .null: type == "null"
    case .bool: type == "boolean"
    case .number: type == "number" || (type == "integer" && value.intValue != nil)
    case .string: type == "string"
    case .array: type == "array"
    case .object: type == "object"
    }
  }

  private static func acceptsParts(_ schema: JSONValue, _ value: JSONValue, root: JSONValue) -> Bool {
    switch value {
    case .string(let text):
      let count = text.unicodeScalars.count
      return count >= schema["minLength"]?.intValue ?? 0 && count <= schema["maxLength"]?.intValue ?? .max
    case .number:
      let number = value.doubleValue ?? .nan
      return number >= schema["minimum"]?.doubleValue ?? -.infinity
        && number <= schema["maximum"]?.doubleValue ?? .infinity
    case .array(let elements):
      return elements.count >= schema["minItems"]?.intValue ?? 0
        && elements.count <= schema["maxItems"]?.intValue ?? .max
        && elements.allSatisfy { accepts(schema["items"] ?? .bool(true), $0, root: root) }
    case .object(let object):
      let required = schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? []
      let properties = schema["properties"]
      return required.allSatisfy { object[$0] != nil }
        && object.members.allSatisfy { member in
          accepts(
            properties?[member.key] ?? schema["additionalProperties"] ?? .bool(true), member.value, root: root
          )
        }
    case .null, .bool: return true
    }
  }
}

/// Makes schemas whose values are short.
package struct RandomSchema {
  private var generator: SeededGenerator

  package init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  package mutating func next() -> JSONValue { object(depth: 0) }

  private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

  private mutating func schema(depth: Int) -> JSONValue {
    switch number(0...(depth < 3 ? 11 : 8)) {
    case 0: return ["type": "boolean"]
    case 1: return ["type": "null"]
    case 2: return ["type": "integer"]
    case 3:
      let low = number(-2000...2000)
      return ["type": "integer", "minimum": .int(low), "maximum": .int(low + number(0...3000))]
    case 4:
      let low = number(-20...20)
      return ["type": "number", "minimum": .int(low), "maximum": .int(low + number(1...300))]
    case 5:
      let low = number(0...4)
      return ["type": "string", "minLength": .int(low), "maxLength": .int(low + number(0...6))]
    case 6: return ["enum": ["red", "green", 7, .null, "gr\"ün", [1, 2], ["k": true]]]
    case 7: return ["const": "fixed"]
    case 8: return ["type": ["integer", "null", "boolean"]]
    case 9: return array(depth: depth)
    case 10: return ["anyOf": [schema(depth: depth + 1), schema(depth: depth + 1)]]
    default: return object(depth: depth)
    }
  }

  private mutating func array(depth: Int) -> JSONValue {
    let low = number(0...2)
    return [
      "type": "array", "items": schema(depth: depth + 1), "minItems": .int(low),
      "maxItems": .int(low + number(0...2)),
    ]
  }

  private mutating func object(depth: Int) -> JSONValue {
    var properties = JSONObject()
    var required: [JSONValue] = []
    for index in 0..<number(1...4) {
      let name = ["name", "na", "größe", "a b", "x\"y"][number(0...4)] + "\(index)"
      properties[name] = schema(depth: depth + 1)
      if number(0...1) == 0 { required.append(.string(name)) }
    }
    return [
      "type": "object", "properties": .object(properties), "required": .array(required),
      "additionalProperties": false,
    ]
  }
}
