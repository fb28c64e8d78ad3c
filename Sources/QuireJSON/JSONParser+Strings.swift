extension JSONParser {
  /// A string that starts with the next byte, its quote.
  mutating func parseString() throws(JSONError) -> String {
    let start = index
    let quote = bytes[index]
    index += 1
    let textStart = index
    // Most strings have no escape: one scan, one copy.
    while index < bytes.count {
      let byte = bytes[index]
      if byte == quote {
        defer { index += 1 }
        return String(decoding: bytes[textStart..<index], as: UTF8.self)
      }
      if byte == UInt8(ascii: "\\") || byte < 0x20 { break }
      index += 1
    }
    var text = Array(bytes[textStart..<index])
    while let byte = next {
      if byte == quote {
        index += 1
        return String(decoding: text, as: UTF8.self)
      }
      if byte == UInt8(ascii: "\\") {
        try parseEscape(into: &text)
        continue
      }
      if byte < 0x20 && !isRawControlAllowed(byte) { throw .controlCharacter(byte, at: position()) }
      text.append(byte)
      index += 1
    }
    throw .unterminated(what: "a string", at: position(of: start))
  }

  /// JSON5 allows control characters in strings, line ends excepted.
  private func isRawControlAllowed(_ byte: UInt8) -> Bool {
    syntax == .json5 && byte != UInt8(ascii: "\n") && byte != UInt8(ascii: "\r")
  }

  private mutating func parseEscape(into text: inout [UInt8]) throws(JSONError) {
    let start = index
    index += 1
    guard let byte = next else { throw .badEscape(found: "the end of the text", at: position(of: start)) }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): text += String(try parseUnicodeEscape(start: start)).utf8
    default:
      index = start + 1
      try parseJSON5Escape(start: start, into: &text)
    }
  }

  private mutating func parseJSON5Escape(start: Int, into text: inout [UInt8]) throws(JSONError) {
    guard syntax == .json5, let scalar = scalar(at: index) else {
      throw .badEscape(found: "a backslash and " + foundDescription(), at: position(of: start))
    }
    index += scalar.utf8.count
    switch scalar {
    case "v": text.append(0x0B)
    case "0" where next.map { $0 &- UInt8(ascii: "0") < 10 } != true: text.append(0)
    case "x": text += String(Unicode.Scalar(UInt8(try parseHexadecimalDigits(2, start: start)))).utf8
    case "0"..."9":
      index -= 1
      throw .badEscape(found: "a backslash and " + foundDescription(), at: position(of: start))
    case "\r": _ = skip(UInt8(ascii: "\n"))  // A backslash continues the line.
    case "\n", "\u{2028}", "\u{2029}": break
    default: text += String(scalar).utf8
    }
  }

  /// The scalar of a `\u` escape, which may need a second escape for the other half of a surrogate pair.
  mutating func parseUnicodeEscape(start: Int) throws(JSONError) -> Unicode.Scalar {
    let unit = try parseHexadecimalDigits(4, start: start)
    if let scalar = Unicode.Scalar(unit) { return scalar }
    let end = index
    guard unit < 0xDC00, skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")) else {
      return try loneSurrogate(start: start, end: end)
    }
    let low = try parseHexadecimalDigits(4, start: index - 2)
    guard 0xDC00..<0xE000 ~= low,
      let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
    else { return try loneSurrogate(start: start, end: end) }
    return scalar
  }

  /// - Parameter end: the offset after the escape
  private mutating func loneSurrogate(start: Int, end: Int) throws(JSONError) -> Unicode.Scalar {
    guard limits.acceptsAmbiguous else { throw .loneSurrogate(at: position(of: start)) }
    index = end
    return "\u{FFFD}"
  }

  private mutating func parseHexadecimalDigits(_ count: Int, start: Int) throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let byte = next, let digit = hexadecimalDigit(byte) else {
        let digitPosition = position(of: start)
        throw .badEscape(found: "\(foundDescription()) where a hexadecimal digit belongs", at: digitPosition)
      }
      value = value << 4 + UInt32(digit)
      index += 1
    }
    return value
  }

  /// An unquoted JSON5 key: an ECMAScript 5.1 identifier name.
  mutating func parseIdentifier() throws(JSONError) -> String {
    var name = ""
    let start = index
    while let found = scalar(at: index) {
      var scalar = found
      let escapeStart = index
      index += scalar.utf8.count
      if scalar == "\\" {
        guard skip(UInt8(ascii: "u")) else {
          throw .badEscape(found: "a backslash and " + foundDescription(), at: position(of: escapeStart))
        }
        scalar = try parseUnicodeEscape(start: escapeStart)
      }
      guard isIdentifierPart(scalar, isFirst: name.isEmpty) else {
        index = escapeStart
        break
      }
      name.unicodeScalars.append(scalar)
    }
    if name.isEmpty {
      throw .unexpected(expected: "a key or '}'", found: foundDescription(), at: position(of: start))
    }
    return name
  }

  private func isIdentifierPart(_ scalar: Unicode.Scalar, isFirst: Bool) -> Bool {
    if scalar == "$" || scalar == "_" || scalar.properties.isIDStart { return true }
    if isFirst { return false }
    return scalar.properties.isIDContinue || scalar.value == 0x200C || scalar.value == 0x200D
  }
}
