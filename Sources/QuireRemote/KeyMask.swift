import QuireJSON

/// Hides a key in what a server sends, since a server may repeat it in a message, which is then shown or kept in a report.
struct KeyMask: Sendable {
  /// The key as it is, and as JSON writes it, which is in sentences about malformed JSON.
  private let forms: [[UInt8]]

  init(_ key: String) {
    forms = [Array(key.utf8), JSONValue.string(key).serializedBytes().dropFirst().dropLast().map { $0 }]
  }

  static let text = "[key]"

  /// Whether the key is long enough to be no usual word. A short one, such as "EMPTY", may be in an answer by itself.
  var isSecret: Bool { forms[0].count >= 8 }

  func applied(to text: String) -> String {
    guard text.utf8.count >= forms[0].count else { return text }
    var bytes = Array(text.utf8)
    for form in forms where bytes.contains(form) { bytes.replace(form, with: Array(Self.text.utf8)) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Masks every string and every name of a member.
  func applied(to json: JSONValue) -> JSONValue {
    switch json {
    case .string(let text): return .string(applied(to: text))
    case .array(let values): return .array(values.map(applied))
    case .object(let object):
      var masked = JSONObject()
      for member in object.members { masked[applied(to: member.key)] = applied(to: member.value) }
      return .object(masked)
    case .null, .bool, .number: return json
    }
  }
}
