import QuireJSON

/// Reads the beginning of a call: `{"name": "f", "arguments": {"`. Once it is complete, the name is known, and the
/// arguments are an object that is not empty.
///
/// Calls of other forms do not match: arguments before the name, other members, no or empty arguments, arguments as a
/// string.
struct ToolCallHead: Sendable {
  enum Outcome {
    case open, matched, failed
  }

  private enum Element {
    case mark(UInt8)
    case string
  }

  private static let elements: [Element] = [
    .mark(UInt8(ascii: "{")), .string, .mark(UInt8(ascii: ":")), .string, .mark(UInt8(ascii: ",")), .string,
    .mark(UInt8(ascii: ":")), .mark(UInt8(ascii: "{")), .mark(UInt8(ascii: "\"")),
  ]
  /// Indices of the strings in `elements`.
  private static let (nameKey, nameValue) = (1, 3)

  /// The element that is expected or being read.
  private var element = 0
  /// The next byte.
  private var index: Int
  private var stringStart: Int?
  private var isEscaped = false
  private(set) var outcome = Outcome.open
  private(set) var name = ""
  /// Where the arguments' object starts.
  private(set) var argumentsStart = 0

  init(start: Int) {
    index = start
  }

  /// Reads what has arrived.
  mutating func read(_ text: HeldText) {
    while outcome == .open && index < text.bytes.count {
      take(text.bytes[index], text)
      index += 1
    }
  }

  private mutating func take(_ byte: UInt8, _ text: HeldText) {
    if let start = stringStart { return takeInString(byte, start: start, text) }
    if [0x20, 0x09, 0x0A, 0x0D].contains(byte) { return }
    switch Self.elements[element] {
    case .mark(let mark):
      guard byte == mark else { return outcome = .failed }
      if mark == UInt8(ascii: "{") { argumentsStart = index }
      finishElement()
    case .string:
      guard byte == UInt8(ascii: "\"") else { return outcome = .failed }
      stringStart = index
    }
  }

  private mutating func takeInString(_ byte: UInt8, start: Int, _ text: HeldText) {
    guard byte >= 0x20 else { return outcome = .failed }
    if isEscaped || byte == UInt8(ascii: "\\") { return isEscaped.toggle() }
    guard byte == UInt8(ascii: "\"") else { return }
    stringStart = nil
    guard let string = try? JSONValue.parse(text.bytes[start...index]).stringValue, accepts(string) else {
      return outcome = .failed
    }
    finishElement()
  }

  private mutating func accepts(_ string: String) -> Bool {
    switch element {
    case Self.nameKey: return string == "name"
    case Self.nameValue:
      name = string
      return !string.isEmpty
    default: return string == "arguments" || string == "parameters"
    }
  }

  private mutating func finishElement() {
    element += 1
    if element == Self.elements.count { outcome = .matched }
  }
}
