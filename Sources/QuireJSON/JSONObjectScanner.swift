/// Reads the text of a JSON object (RFC 8259) as it arrives, and finds where the object ends or stops being JSON.
///
/// ```swift
/// var scanner = JSONObjectScanner()
/// scanner.scan("{\"a\": [1".utf8)   // all 8 bytes, open
/// scanner.scan("]} rest".utf8)      // 2 bytes, ended
/// ```
///
/// It checks the grammar only: repeated keys and unpaired surrogates pass, which `JSONValue.parse` refuses. The text
/// must be valid UTF-8.
package struct JSONObjectScanner: Sendable {
  package enum Outcome: Sendable, Equatable {
    /// The object has not ended.
    case open
    /// The last byte that was read closes the object.
    case ended
    /// The next byte cannot follow.
    case invalid
  }

  private enum State {
    case start
    case value, elementOrEnd
    case key, keyOrEnd, colon, commaOrEnd
    case string(isKey: Bool)
    case escape(isKey: Bool)
    case hexadecimal(isKey: Bool, leftCount: Int)
    /// In `true`, `false` or `null`: its bytes that are still expected.
    case word(ArraySlice<UInt8>)
    case minus, zero, integer, point, fraction, exponent, exponentSign, exponentDigits
  }

  private static let words = ["true", "false", "null"].map { Array($0.utf8) }
  private static let depthMaximum = JSONLimits().depth

  private var state = State.start
  /// The open containers: whether each is an object.
  private var containers: [Bool] = []

  package init() {}

  /// Reads further text up to the object's end or to a byte that is not JSON. Not after either of them.
  ///
  /// - Returns: The number of bytes that belong to the object, and what comes next.
  package mutating func scan(_ bytes: some Collection<UInt8>) -> (count: Int, outcome: Outcome) {
    var count = 0
    for byte in bytes {
      guard take(byte) else { return (count, .invalid) }
      count += 1
      if containers.isEmpty, case .commaOrEnd = state { return (count, .ended) }
    }
    return (count, .open)
  }

  /// False when the byte cannot follow.
  private mutating func take(_ byte: UInt8) -> Bool {
    switch state {
    case .string, .escape, .hexadecimal: return takeInString(byte)
    case .word(let rest):
      guard byte == rest.first else { return false }
      state = rest.count == 1 ? .commaOrEnd : .word(rest.dropFirst())
      return true
    case .minus, .zero, .integer, .point, .fraction, .exponent, .exponentSign, .exponentDigits:
      return takeInNumber(byte)
    case .start, .value, .elementOrEnd, .key, .keyOrEnd, .colon, .commaOrEnd:
      if case .start = state { return byte == UInt8(ascii: "{") && open(isObject: true) }
      return Self.isSpace(byte) || takeBetween(byte)
    }
  }

  private mutating func takeBetween(_ byte: UInt8) -> Bool {
    switch (state, byte) {
    case (.keyOrEnd, UInt8(ascii: "}")), (.elementOrEnd, UInt8(ascii: "]")): return close(byte)
    case (.commaOrEnd, UInt8(ascii: "}")), (.commaOrEnd, UInt8(ascii: "]")): return close(byte)
    case (.commaOrEnd, UInt8(ascii: ",")): state = containers.last == true ? .key : .value
    case (.key, UInt8(ascii: "\"")), (.keyOrEnd, UInt8(ascii: "\"")): state = .string(isKey: true)
    case (.colon, UInt8(ascii: ":")): state = .value
    case (.value, _), (.elementOrEnd, _): return begin(byte)
    default: return false
    }
    return true
  }

  /// The first byte of a value.
  private mutating func begin(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["): return open(isObject: byte == UInt8(ascii: "{"))
    case UInt8(ascii: "\""): state = .string(isKey: false)
    case UInt8(ascii: "-"): state = .minus
    case UInt8(ascii: "0"): state = .zero
    case UInt8(ascii: "1")...UInt8(ascii: "9"): state = .integer
    default:
      guard let word = Self.words.first(where: { $0.first == byte }) else { return false }
      state = .word(word.dropFirst())
    }
    return true
  }

  private mutating func open(isObject: Bool) -> Bool {
    guard containers.count < Self.depthMaximum else { return false }
    containers.append(isObject)
    state = isObject ? .keyOrEnd : .elementOrEnd
    return true
  }

  private mutating func close(_ byte: UInt8) -> Bool {
    guard containers.last == (byte == UInt8(ascii: "}")) else { return false }
    containers.removeLast()
    state = .commaOrEnd
    return true
  }

  private mutating func takeInString(_ byte: UInt8) -> Bool {
    switch state {
    case .string(let isKey):
      switch byte {
      case UInt8(ascii: "\""): state = isKey ? .colon : .commaOrEnd
      case UInt8(ascii: "\\"): state = .escape(isKey: isKey)
      default: return byte >= 0x20
      }
    case .escape(let isKey):
      if byte == UInt8(ascii: "u") {
        state = .hexadecimal(isKey: isKey, leftCount: 4)
      } else {
        guard "\"\\/bfnrt".utf8.contains(byte) else { return false }
        state = .string(isKey: isKey)
      }
    case .hexadecimal(let isKey, let leftCount):
      guard Self.isDigit(byte) || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte | 0x20 else { return false }
      state =
        leftCount == 1 ? .string(isKey: isKey) : .hexadecimal(isKey: isKey, leftCount: leftCount - 1)
    default: return false
    }
    return true
  }

  private mutating func takeInNumber(_ byte: UInt8) -> Bool {
    let isDigit = Self.isDigit(byte)
    switch (state, byte) {
    case (.minus, UInt8(ascii: "0")): state = .zero
    case (.minus, _) where isDigit: state = .integer
    case (.integer, _) where isDigit: break
    case (.zero, UInt8(ascii: ".")), (.integer, UInt8(ascii: ".")): state = .point
    case (.point, _) where isDigit: state = .fraction
    case (.fraction, _) where isDigit: break
    case (.zero, _) where byte | 0x20 == UInt8(ascii: "e"): state = .exponent
    case (.integer, _) where byte | 0x20 == UInt8(ascii: "e"): state = .exponent
    case (.fraction, _) where byte | 0x20 == UInt8(ascii: "e"): state = .exponent
    case (.exponent, UInt8(ascii: "+")), (.exponent, UInt8(ascii: "-")): state = .exponentSign
    case (.exponent, _) where isDigit, (.exponentSign, _) where isDigit, (.exponentDigits, _) where isDigit:
      state = .exponentDigits
    case (.zero, _), (.integer, _), (.fraction, _), (.exponentDigits, _):
      // The number has ended before this byte.
      state = .commaOrEnd
      return take(byte)
    default: return false
    }
    return true
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t")
      || byte == UInt8(ascii: "\r")
  }
}
