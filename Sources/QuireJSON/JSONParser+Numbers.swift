extension JSONParser {
  mutating func parseNumber() throws(JSONError) -> JSONNumber {
    let start = index
    let isNegative = next == UInt8(ascii: "-")
    if isNegative || next == UInt8(ascii: "+") { index += 1 }
    if syntax == .json5 && isHexadecimalNext {
      return try parseHexadecimal(start: start, isNegative: isNegative)
    }
    for word in ["Infinity", "NaN"] where bytes[index...].starts(with: word.utf8) {
      throw .notFinite(found: word, at: position(of: start))
    }
    let digitCount = skipDigits()
    if syntax == .json || digitCount > 0 { try checkInteger(start: start, digitCount: digitCount) }
    let fractionCount = try skipFraction(start: start, digitCount: digitCount)
    try skipExponent(start: start)
    try checkEnd(start: start)
    let literal = try normalized(
      String(decoding: bytes[start..<index], as: UTF8.self), digitCount: digitCount,
      fractionCount: fractionCount)
    // A number with fewer characters and no exponent is always in the range of a 64-bit float.
    if limits.acceptsAmbiguous { return JSONNumber(validLiteral: literal) }
    if index - start > 300 || bytes[start..<index].contains(where: { $0 | 0x20 == UInt8(ascii: "e") }) {
      guard let value = Double(literal), value.isFinite else {
        throw .numberTooLarge(literal: literal, at: position(of: start))
      }
    }
    return JSONNumber(validLiteral: literal)
  }

  private mutating func skipDigits() -> Int {
    let start = index
    while let byte = next, byte &- UInt8(ascii: "0") < 10 { index += 1 }
    return index - start
  }

  private func checkInteger(start: Int, digitCount: Int) throws(JSONError) {
    if digitCount == 0 { throw badNumber(start, hint: "write at least one digit") }
    if digitCount > 1 && bytes[index - digitCount] == UInt8(ascii: "0") {
      throw badNumber(start, hint: "remove the leading zeros")
    }
  }

  /// Returns the number of digits after the point, or nil without a point.
  private mutating func skipFraction(start: Int, digitCount: Int) throws(JSONError) -> Int? {
    guard skip(UInt8(ascii: ".")) else {
      if digitCount == 0 { throw badNumber(start, hint: "write at least one digit") }
      return nil
    }
    let fractionCount = skipDigits()
    if fractionCount == 0 && (syntax == .json || digitCount == 0) {
      throw badNumber(start, hint: "write a digit after the point")
    }
    return fractionCount
  }

  private mutating func skipExponent(start: Int) throws(JSONError) {
    guard let byte = next, byte | 0x20 == UInt8(ascii: "e") else { return }
    index += 1
    if !skip(UInt8(ascii: "+")) { _ = skip(UInt8(ascii: "-")) }
    if skipDigits() == 0 { throw badNumber(start, hint: "write a digit in the exponent") }
  }

  /// A number must not be followed directly by a word (`12abc`).
  private mutating func checkEnd(start: Int) throws(JSONError) {
    // The next character is almost always a comma or a bracket, which needs no look-up in Unicode's tables.
    guard let byte = next, byte >= 0x30, byte != UInt8(ascii: "]"), byte != UInt8(ascii: "}"),
      let scalar = scalar(at: index), scalar.properties.isAlphabetic || scalar == "_"
    else { return }
    index += scalar.utf8.count
    throw badNumber(start, hint: "separate it from what follows")
  }

  /// The literal as strict JSON: without `+`, with digits on both sides of the point.
  private func normalized(_ literal: String, digitCount: Int, fractionCount: Int?) throws(JSONError) -> String
  {
    guard syntax == .json5 else { return literal }
    var bytes = Array(literal.utf8)
    if bytes.first == UInt8(ascii: "+") { bytes.removeFirst() }
    if fractionCount == 0, let point = bytes.firstIndex(of: UInt8(ascii: ".")) {
      bytes.insert(UInt8(ascii: "0"), at: point + 1)
    }
    if digitCount == 0, let point = bytes.firstIndex(of: UInt8(ascii: ".")) {
      bytes.insert(UInt8(ascii: "0"), at: point)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private var isHexadecimalNext: Bool {
    index + 1 < bytes.count && bytes[index] == UInt8(ascii: "0")
      && bytes[index + 1] | 0x20 == UInt8(ascii: "x")
  }

  private mutating func parseHexadecimal(start: Int, isNegative: Bool) throws(JSONError) -> JSONNumber {
    index += 2
    let digitsStart = index
    var value: UInt64 = 0
    while let byte = next, let digit = hexadecimalDigit(byte) {
      let (shifted, overflow) = value.multipliedReportingOverflow(by: 16)
      if overflow { throw badNumber(start, hint: "a hexadecimal number may have 64 bits") }
      value = shifted + UInt64(digit)
      index += 1
    }
    if index == digitsStart { throw badNumber(start, hint: "write at least one hexadecimal digit") }
    try checkEnd(start: start)
    return JSONNumber(validLiteral: (isNegative ? "-" : "") + String(value))
  }

  func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// An error that quotes the number as read so far.
  private func badNumber(_ start: Int, hint: String) -> JSONError {
    let shown = bytes[start..<min(index, start + 40)]
    return .badNumber(found: String(decoding: shown, as: UTF8.self), hint: hint, at: position(of: start))
  }
}
