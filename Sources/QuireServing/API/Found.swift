import QuireJSON

/// What a client sent, quoted for a message: cut to a length, with characters escaped that would control a terminal
/// or reverse the text direction. Quotes and backslashes stay as they are, because JSON escapes them once more.
enum Found {
  static func value(_ value: JSONValue) -> String {
    switch value {
    case .string(let string): text(string)
    case .number(let number): plain(number.literal)
    case .array(let elements) where elements.isEmpty: "an empty array"
    case .bool, .null: value.serialized()
    case .object(let object): short(object) ?? value.kindDescription
    case .array: value.kindDescription
    }
  }

  /// A small object whole, as `{"type":"json_object"}`.
  private static func short(_ object: JSONObject) -> String? {
    let isSmall = object.members.allSatisfy { member in
      member.key.utf8.count <= 40 && member.value.objectValue == nil && member.value.arrayValue == nil
        && member.value.stringValue?.utf8.count ?? 0 <= 40
    }
    guard (1...3).contains(object.count), isSmall else { return nil }
    let text = JSONValue.object(object).serialized()
    return text.utf8.allSatisfy { (0x20..<0x7F).contains($0) } ? text : nil
  }

  /// In double quotes, or in single quotes if it has double ones.
  static func text(_ text: String) -> String {
    let shown = plain(text)
    return shown.contains("\"") && !shown.contains("'") ? "'\(shown)'" : "\"\(shown)\""
  }

  /// At most `limit` scalars; control and format characters as escapes.
  static func plain(_ text: String, limit: Int = 40) -> String {
    var shown = ""
    for (index, scalar) in text.unicodeScalars.enumerated() {
      if index == limit { return shown + "…" }
      shown += escaped(scalar)
    }
    return shown
  }

  /// A sentence with characters of the client's own: cut, and with control characters as escapes.
  static func message(_ text: String) -> String {
    var shown = ""
    for (index, scalar) in text.unicodeScalars.enumerated() {
      if index == 600 { return shown + "…" }
      shown += escaped(scalar)
    }
    return shown
  }

  /// Control and format characters as escapes.
  static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": return "\\n"
    case "\r": return "\\r"
    case "\t": return "\\t"
    default: break
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator:
      return "\\u{\(String(scalar.value, radix: 16))}"
    default: return String(scalar)
    }
  }
}
