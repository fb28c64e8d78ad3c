/// The action of a key, or pasted text.
enum Key: Equatable {
  case text(String)
  case left, right, wordLeft, wordRight, home, end, up, down
  case deleteBackward, deleteForward, deleteWord, deleteToStart, deleteToEnd
  case enter, interrupt, endOfInput, clearScreen
  /// Bytes of a key or of pasted text that are not UTF-8.
  case notUTF8
  /// No known action.
  case unknown
}

/// Turns the bytes of a terminal in raw mode into keys.
struct KeyReader {
  /// The next byte; nil at the end, and with `isPatient` false also when none arrives within 50 ms.
  private let source: (_ isPatient: Bool) -> UInt8?
  /// A byte that was read and belongs to the next key.
  private var held: UInt8?

  init(_ source: @escaping (_ isPatient: Bool) -> UInt8?) { self.source = source }

  private mutating func nextByte(_ isPatient: Bool) -> UInt8? {
    defer { held = nil }
    return held ?? source(isPatient)
  }

  /// The next key; nil at the end of the input.
  mutating func next() -> Key? {
    guard let byte = nextByte(true) else { return nil }
    if byte == 0x1B { return escape() }
    if let key = Self.controls[byte] { return key }
    return byte < 0x20 ? .unknown : character(byte)
  }

  private static let controls: [UInt8: Key] = [
    0x01: .home, 0x02: .left, 0x03: .interrupt, 0x04: .endOfInput, 0x05: .end, 0x06: .right,
    0x08: .deleteBackward, 0x0A: .enter, 0x0B: .deleteToEnd, 0x0C: .clearScreen, 0x0D: .enter, 0x0E: .down,
    0x10: .up, 0x15: .deleteToStart, 0x17: .deleteWord, 0x7F: .deleteBackward,
  ]

  /// A UTF-8 character whose first byte is `first`. A byte that cannot continue it belongs to the next key.
  private mutating func character(_ first: UInt8) -> Key {
    let length = first < 0xC2 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 1
    var bytes = [first]
    while bytes.count < length, let byte = nextByte(false) {
      guard byte & 0xC0 == 0x80 else {
        held = byte
        break
      }
      bytes.append(byte)
    }
    return String(validating: bytes, as: UTF8.self).map { .text($0) } ?? .notUTF8
  }

  private mutating func escape() -> Key {
    guard let byte = nextByte(false) else { return .unknown }
    switch byte {
    case UInt8(ascii: "["): return sequence()
    case UInt8(ascii: "O"): return nextByte(false).flatMap { Self.letters[$0] } ?? .unknown
    case UInt8(ascii: "b"): return .wordLeft
    case UInt8(ascii: "f"): return .wordRight
    case 0x7F, 0x08: return .deleteWord
    case 0x0D, 0x0A: return .text("\n")  // Alt-Return
    case 0x1B:
      // Esc, then another key.
      held = byte
      return .unknown
    case 0x80...: return character(byte) == .notUTF8 ? .notUTF8 : .unknown
    default: return .unknown
    }
  }

  private static let letters: [UInt8: Key] = [
    UInt8(ascii: "A"): .up, UInt8(ascii: "B"): .down, UInt8(ascii: "C"): .right, UInt8(ascii: "D"): .left,
    UInt8(ascii: "H"): .home, UInt8(ascii: "F"): .end,
  ]

  /// The sequence after ESC [: numbers and a letter (ECMA-48).
  private mutating func sequence() -> Key {
    var parameters = ""
    while let byte = nextByte(false) {
      // Nothing else is part of a sequence.
      guard (0x20...0x7E).contains(byte) else {
        held = byte
        return .unknown
      }
      guard byte >= 0x40 else {
        parameters.unicodeScalars.append(Unicode.Scalar(byte))
        continue
      }
      if byte == UInt8(ascii: "~") { return key(numbered: parameters) }
      // ";5" is with Control, ";3" with Alt.
      let isWord = parameters.hasSuffix(";5") || parameters.hasSuffix(";3")
      switch Self.letters[byte] {
      case .left where isWord: return .wordLeft
      case .right where isWord: return .wordRight
      case let key: return key ?? .unknown
      }
    }
    return .unknown
  }

  private mutating func key(numbered number: String) -> Key {
    switch number {
    case "1", "7": .home
    case "4", "8": .end
    case "3": .deleteForward
    case "200": pasted().map { .text($0) } ?? .notUTF8
    default: .unknown
    }
  }

  /// Pasted text up to its end mark, with line ends as line feeds; nil where it is not UTF-8.
  private mutating func pasted() -> String? {
    let end = Array("\u{1b}[201~".utf8)
    var bytes: [UInt8] = []
    while !bytes.reversed().starts(with: end.reversed()), let byte = nextByte(true) { bytes.append(byte) }
    if bytes.suffix(end.count) == end[...] { bytes.removeLast(end.count) }
    guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
    let lines = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
    return lines.hasSuffix("\n") ? String(lines.dropLast()) : lines
  }
}
