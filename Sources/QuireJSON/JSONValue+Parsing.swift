/// The grammar of a text.
package enum JSONSyntax: Sendable {
  /// RFC 8259, strictly: no comments, no NaN, no byte order mark.
  case json
  /// JSON5 1.0.0 (comments, unquoted keys, single quotes, trailing commas, hexadecimal …), except that `NaN`
  /// and `Infinity` are refused.
  case json5
}

/// Limits of the parser.
package struct JSONLimits: Sendable {
  /// Maximum nesting depth of arrays and objects.
  package var depth: Int
  /// Maximum number of values. A value takes up to about eighty bytes of memory, and as few as two bytes of text.
  package var valueCount: Int
  /// Whether to accept what RFC 8259 allows and readers treat differently: repeated keys, of which the last counts,
  /// numbers beyond the range of a 64-bit float, and halves of surrogate pairs, which become U+FFFD.
  package var acceptsAmbiguous: Bool

  /// The parser is recursive: a depth in the thousands needs a thread with a large stack.
  package init(depth: Int = 512, valueCount: Int = .max, acceptsAmbiguous: Bool = false) {
    self.depth = depth
    self.valueCount = valueCount
    self.acceptsAmbiguous = acceptsAmbiguous
  }
}

extension JSONValue {
  /// Reads one value from UTF-8 bytes.
  ///
  /// Checks encoding, grammar, nesting, duplicate keys, surrogates and number range. Errors have line and column.
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
    // `Result` passes the typed error out of a closure that can only rethrow untyped errors.
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
