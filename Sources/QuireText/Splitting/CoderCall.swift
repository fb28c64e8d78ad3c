package import QuireJSON

/// Qwen3-Coder's calls: `<function=f>`, then `<parameter=k>`, a value and `</parameter>` for each argument, then
/// `</function>`. A line feed after an opening tag and one before a closing tag belong to the tags.
enum CoderCall {
  private static let functionStart = "<function="
  private static let functionEnd = "</function>"
  private static let parameterStart = "<parameter="
  private static let parameterEnd = "</parameter>"

  static func isWhole(_ text: ArraySlice<UInt8>) -> Bool {
    let end = text.lastIndex { $0 > 0x20 }.map { $0 + 1 } ?? text.startIndex
    return text[..<end].reversed().starts(with: functionEnd.utf8.reversed())
  }

  static func call(_ text: String, _ types: ToolParameterTypes) -> ChatToolCall? {
    var rest = text.utf8[...]
    guard skip(functionStart, &rest), let name = word(&rest), !name.isEmpty else { return nil }
    var arguments = JSONObject()
    while let start = rest.firstOccurrence(of: parameterStart.utf8) {
      rest = rest[rest.index(start, offsetBy: parameterStart.utf8.count)...]
      guard let key = word(&rest) else { return nil }
      // A value ends before its closing tag, or before the next parameter where the model forgot it.
      let end =
        rest.firstOccurrence(of: parameterEnd.utf8) ?? rest.firstOccurrence(of: parameterStart.utf8)
        ?? rest.firstOccurrence(of: functionEnd.utf8) ?? rest.endIndex
      arguments[key] = types.value(of: withoutFrame(rest[..<end]), function: name, parameter: key)
      rest = rest[end...]
    }
    return ChatToolCall(name: name, arguments: .object(arguments))
  }

  private static func skip(_ word: String, _ rest: inout Substring.UTF8View) -> Bool {
    rest = rest.drop { $0 <= 0x20 }
    guard rest.starts(with: word.utf8) else { return false }
    rest = rest.dropFirst(word.utf8.count)
    return true
  }

  /// The text up to `>`.
  private static func word(_ rest: inout Substring.UTF8View) -> String? {
    guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return nil }
    defer { rest = rest[rest.index(after: end)...] }
    return String(Substring(rest[..<end]))
  }

  private static func withoutFrame(_ value: Substring.UTF8View) -> String {
    let lineFeed = UInt8(ascii: "\n")
    var value = value
    if value.first == lineFeed { value = value.dropFirst() }
    if value.last == lineFeed { value = value.dropLast() }
    return String(Substring(value))
  }
}

/// The JSON types of the parameters of a request's tools. Qwen3-Coder's calls have only texts.
package struct ToolParameterTypes: Sendable, Equatable {
  /// By function and parameter. Nil: any type.
  private var types: [String: [String: [String]?]] = [:]

  /// No tool is known: all values are texts.
  package init() {}

  /// - Parameter tools: As in OpenAI's `tools`.
  package init(_ tools: [JSONValue]) {
    for tool in tools {
      let function = tool["function"] ?? tool
      guard let name = function["name"]?.stringValue else { continue }
      var parameters: [String: [String]?] = [:]
      for member in function["parameters"]?["properties"]?.objectValue?.members ?? [] {
        let type = member.value["type"]
        parameters.updateValue(
          type?.stringValue.map { [$0] } ?? type?.arrayValue?.compactMap(\.stringValue), forKey: member.key)
      }
      types[name] = parameters
    }
  }

  /// The value that a text stands for. Text that does not fit the type stays text.
  func value(of text: String, function: String, parameter: String) -> JSONValue {
    guard let known = types[function]?[parameter] else { return .string(text) }
    let isAnything = known == nil
    let names = known ?? []
    func allows(_ name: String) -> Bool { isAnything || names.contains(name) }
    if names.contains("string") {
      return text == "null" && names.contains("null") ? .null : .string(text)
    }
    // Models write Python's words too.
    switch text.lowercased() {
    case "true" where allows("boolean"): return true
    case "false" where allows("boolean"): return false
    case "null" where allows("null"), "none" where names.contains("null"): return .null
    default: break
    }
    guard let value = try? JSONValue.parse(text) else { return .string(text) }
    switch value {
    case .object: return allows("object") ? value : .string(text)
    case .array: return allows("array") ? value : .string(text)
    case .string, .bool, .null: return isAnything ? value : .string(text)
    default: return allows("number") || allows("integer") ? value : .string(text)
    }
  }
}
