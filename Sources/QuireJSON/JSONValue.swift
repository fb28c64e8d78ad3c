/// A JSON value that preserves member order, number literals, and the difference between strings that are canonically
/// equal but not byte-equal.
///
/// ```swift
/// let value = try JSONValue.parse(bytes)
/// let layers = value["num_hidden_layers"]?.intValue
/// let reply: JSONValue = ["object": "list", "data": []]
/// ```
///
/// Equality is by bytes and by order: `{"a":1,"b":2}` differs from `{"b":2,"a":1}`, and `1` from `1.0`.
package enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case number(JSONNumber)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

extension JSONValue: Equatable {
  package static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let left), .bool(let right)): left == right
    case (.number(let left), .number(let right)): left == right
    case (.string(let left), .string(let right)): left.hasSameBytes(as: right)
    case (.array(let left), .array(let right)): left == right
    case (.object(let left), .object(let right)): left == right
    default: false
    }
  }
}

extension JSONValue {
  /// The member of an object; nil for a missing key and for anything that is not an object.
  package subscript(key: String) -> JSONValue? {
    guard case .object(let object) = self else { return nil }
    return object[key]
  }

  /// The element of an array; nil outside its bounds and for anything that is not an array.
  package subscript(index: Int) -> JSONValue? {
    guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
    return elements[index]
  }

  package var isNull: Bool {
    if case .null = self { true } else { false }
  }

  package var boolValue: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  package var numberValue: JSONNumber? {
    if case .number(let value) = self { value } else { nil }
  }

  /// The number as an integer when it is exactly one that fits (`16`, `16.0` and `1e3` are, `16.5` is not).
  package var intValue: Int? { numberValue?.int }

  /// The number as a finite 64-bit float.
  package var doubleValue: Double? { numberValue?.double }

  package var stringValue: String? {
    if case .string(let value) = self { value } else { nil }
  }

  package var arrayValue: [JSONValue]? {
    if case .array(let value) = self { value } else { nil }
  }

  package var objectValue: JSONObject? {
    if case .object(let value) = self { value } else { nil }
  }

  /// The kind of the value, for error messages: "an object", "a string", "null" …
  package var kindDescription: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension JSONValue {
  /// An integer.
  package static func int(_ value: some BinaryInteger) -> JSONValue { .number(JSONNumber(value)) }

  /// A float in the shortest form that reads back to the same value; `null` for infinities and NaN, which
  /// JSON cannot write.
  package static func double(_ value: Double) -> JSONValue {
    JSONNumber(exactly: value).map(JSONValue.number) ?? .null
  }

  /// As ``double(_:)``, in the shortest form that reads back to the same 32-bit value.
  package static func float(_ value: Float) -> JSONValue {
    value.isFinite ? .number(JSONNumber(validLiteral: shortestDecimal(value.description))) : .null
  }
}

extension String {
  /// Byte equality; `==` on strings is canonical equivalence.
  func hasSameBytes(as other: String) -> Bool {
    utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
  }
}
