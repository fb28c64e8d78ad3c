/// The format in which a value is written.
package enum JSONStyle: Sendable {
  /// No white space; number literals as they were read.
  case compact
  /// Two spaces of indentation; number literals as they were read.
  case pretty
  /// As Python's `json.dumps(value, ensure_ascii=False)`: `", "` and `": "`, floats in `repr` form. The chat template's
  /// `tojson` writes this format.
  case python
}

extension JSONValue {
  /// The value as JSON text, members in their order.
  package func serialized(pretty: Bool = false) -> String {
    serialized(style: pretty ? .pretty : .compact)
  }

  /// The value as JSON text in a given style.
  package func serialized(style: JSONStyle) -> String {
    String(decoding: serializedBytes(style: style), as: UTF8.self)
  }

  /// The value as UTF-8 bytes of JSON text.
  package func serializedBytes(style: JSONStyle = .compact) -> [UInt8] {
    var serializer = JSONSerializer(style: style)
    serializer.append(self, depth: 0)
    return serializer.output
  }
}

private struct JSONSerializer {
  let style: JSONStyle
  var output: [UInt8] = []

  init(style: JSONStyle) {
    self.style = style
  }

  mutating func append(_ value: JSONValue, depth: Int) {
    switch value {
    case .null: append("null")
    case .bool(let value): append(value ? "true" : "false")
    case .number(let value): append(style == .python ? value.pythonLiteral : value.literal)
    case .string(let value): appendQuoted(value)
    case .array(let elements): append(elements, depth: depth)
    case .object(let object): append(object, depth: depth)
    }
  }

  private mutating func append(_ elements: [JSONValue], depth: Int) {
    output.append(UInt8(ascii: "["))
    for (index, element) in elements.enumerated() {
      if index > 0 { appendComma() }
      startLine(depth + 1)
      append(element, depth: depth + 1)
    }
    if !elements.isEmpty { startLine(depth) }
    output.append(UInt8(ascii: "]"))
  }

  private mutating func append(_ object: JSONObject, depth: Int) {
    output.append(UInt8(ascii: "{"))
    for (index, member) in object.members.enumerated() {
      if index > 0 { appendComma() }
      startLine(depth + 1)
      appendQuoted(member.key)
      append(style == .compact ? ":" : ": ")
      append(member.value, depth: depth + 1)
    }
    if !object.isEmpty { startLine(depth) }
    output.append(UInt8(ascii: "}"))
  }

  private mutating func appendComma() {
    append(style == .python ? ", " : ",")
  }

  private mutating func startLine(_ depth: Int) {
    guard style == .pretty else { return }
    output.append(UInt8(ascii: "\n"))
    output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
  }

  private mutating func append(_ text: String) {
    output.append(contentsOf: text.utf8)
  }

  private mutating func appendQuoted(_ text: String) {
    output.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): append("\\\"")
      case UInt8(ascii: "\\"): append("\\\\")
      case 0x08: append("\\b")
      case 0x09: append("\\t")
      case 0x0A: append("\\n")
      case 0x0C: append("\\f")
      case 0x0D: append("\\r")
      case 0..<0x10: append("\\u000" + String(byte, radix: 16))
      case 0x10..<0x20: append("\\u00" + String(byte, radix: 16))
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}
