/// One step from a JSON value to a value inside it.
package enum JSONPathStep: Sendable, Equatable {
  case key(String)
  case index(Int)
}

extension JSONValue {
  /// The line, from 1, of the value at `path` in a text that was parsed before; for a member, the line of its key. If
  /// the path does not exist, the line of the last value on it that does.
  package static func line(of path: [JSONPathStep], in text: [UInt8], syntax: JSONSyntax) -> Int {
    position(of: path, in: text, syntax: syntax).line
  }

  /// Line and column, as ``line(of:in:syntax:)``.
  package static func position(
    of path: [JSONPathStep], in text: [UInt8], syntax: JSONSyntax
  ) -> JSONPosition {
    text.withUnsafeBytes { bytes in
      var parser = JSONParser(bytes: bytes, syntax: syntax, limits: JSONLimits())
      let offset = parser.offset(of: path)
      return parser.position(of: offset)
    }
  }
}

extension JSONParser {
  /// The offset of the value at `path`. The syntax must be the one with which the text was parsed before.
  fileprivate mutating func offset(of path: [JSONPathStep]) -> Int {
    var found = index
    do throws(JSONError) {
      try skipWhitespace()
      found = index
      for step in path {
        guard let offset = try enter(step) else { return found }
        found = offset
      }
    } catch {
      // Reached only for a text that was not parsed successfully before; returns the offset found so far.
    }
    return found
  }

  /// Moves to the value of `step`; returns the offset of its key, or of the element itself.
  private mutating func enter(_ step: JSONPathStep) throws(JSONError) -> Int? {
    let bracket =
      switch step {
      case .key: UInt8(ascii: "{")
      case .index: UInt8(ascii: "[")
      }
    guard skip(bracket) else { return nil }
    var number = 0
    while true {
      try skipWhitespace()
      guard let byte = next, byte != UInt8(ascii: "}"), byte != UInt8(ascii: "]") else { return nil }
      let start = index
      switch step {
      case .index(number): return start
      case .index: break
      case .key(let wanted):
        let key = try parseKey()
        try skipWhitespace()
        _ = skip(UInt8(ascii: ":"))
        try skipWhitespace()
        if key.hasSameBytes(as: wanted) { return start }
      }
      _ = try parseValue()
      try skipWhitespace()
      guard skip(UInt8(ascii: ",")) else { return nil }
      number += 1
    }
  }
}
