/// One step from a JSON value to a value inside it.
package enum JSONPathStep: Sendable, Equatable {
  case key(String)
  case index(Int)
}

extension JSONValue {
  /// The line, counted from 1, of the value at `path` in a text that has been parsed before; of a member, the line of
  /// its key. Where the path leads nowhere, the line of the last value that it does reach.
  package static func line(of path: [JSONPathStep], in text: [UInt8], syntax: JSONSyntax) -> Int {
    text.withUnsafeBytes { bytes in
      var parser = JSONParser(bytes: bytes, syntax: syntax, limits: JSONLimits())
      let offset = parser.offset(of: path)
      return parser.position(of: offset).line
    }
  }
}

extension JSONParser {
  /// Where the value at `path` begins, read by the grammar that read it the first time.
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
      // Nothing but a text that was never parsed leads here; what was found so far is the best answer.
    }
    return found
  }

  /// Moves to the value that `step` leads to; returns where its key, or itself, begins.
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
