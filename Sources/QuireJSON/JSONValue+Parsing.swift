/// Which grammar a text is read by.
package enum JSONSyntax: Sendable {
  /// RFC 8259, strictly: no comments, no NaN, no byte order mark.
  case json
  /// JSON5 1.0.0 (comments, unquoted keys, single quotes, trailing commas, hexadecimal …), except that `NaN`
  /// and `Infinity` are refused.
  case json5
}

/// What a text may ask of the reader.
package struct JSONLimits: Sendable {
  /// How deep arrays and objects may be nested.
  package var depth: Int
  /// How many values there may be in all. A value takes up to some eighty bytes of memory, and as few as two of text.
  package var valueCount: Int

  /// The reader recurses: a depth in the thousands needs a thread with a stack to match.
  package init(depth: Int = 512, valueCount: Int = .max) {
    self.depth = depth
    self.valueCount = valueCount
  }
}

extension JSONValue {
  /// Reads one value from UTF-8 bytes.
  ///
  /// Everything is checked: encoding, grammar, nesting, duplicate keys, surrogates and number range; the error's
  /// sentence names line and column.
  package static func parse(
    _ bytes: UnsafeRawBufferPointer, syntax: JSONSyntax = .json, limits: JSONLimits = JSONLimits()
  ) throws(JSONError) -> JSONValue {
    var parser = JSONParser(bytes: bytes, syntax: syntax, limits: limits)
    return try parser.parseText()
  }

  /// Reads one value from UTF-8 bytes, as ``parse(_:syntax:limits:)-(UnsafeRawBufferPointer,_,_)``.
  package static func parse(
    _ bytes: some Collection<UInt8>, syntax: JSONSyntax = .json, limits: JSONLimits = JSONLimits()
  ) throws(JSONError) -> JSONValue {
    let contiguous = ContiguousArray(bytes)
    // `Result` carries the typed error out of a closure that only rethrows untyped ones.
    return try contiguous.withUnsafeBytes { buffer in
      Result { () throws(JSONError) in try parse(buffer, syntax: syntax, limits: limits) }
    }.get()
  }

  /// Reads one value from text, as ``parse(_:syntax:limits:)-(UnsafeRawBufferPointer,_,_)``.
  package static func parse(
    _ text: String, syntax: JSONSyntax = .json, limits: JSONLimits = JSONLimits()
  ) throws(JSONError) -> JSONValue {
    try parse(text.utf8, syntax: syntax, limits: limits)
  }
}
