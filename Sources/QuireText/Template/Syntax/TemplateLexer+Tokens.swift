// Names, numbers, strings and operators inside tags.

extension TemplateLexer {
  /// Lexes the token at `offset`, where there is no white space.
  mutating func lexToken() throws(TemplateFault) {
    let byte = source[offset]
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): try lexNumber()
    case UInt8(ascii: "'"), UInt8(ascii: "\""): try lexString(byte)
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
      0x80...:
      try lexName()
    default: try lexSymbol(byte)
    }
  }

  private mutating func lexName() throws(TemplateFault) {
    let start = offset
    let rest = String(decoding: source[start..<min(start + 1024, source.count)], as: UTF8.self)
    let name = rest.unicodeScalars.prefix {
      $0.value < 0x80 ? $0 == "_" || $0.isPythonAlphanumeric : $0.properties.isXIDContinue
    }
    guard let first = name.first, first == "_" || first.properties.isXIDStart else {
      throw TemplateFault(.syntax, "an unexpected character")
    }
    let text = String(String.UnicodeScalarView(name))
    offset += text.utf8.count
    add(.name(text), start)
  }

  private mutating func lexSymbol(_ byte: UInt8) throws(TemplateFault) {
    let start = offset
    for symbol in ["//", "**", "==", "!=", ">=", "<="] where has(symbol, at: offset) {
      offset += 2
      return add(.symbol(symbol), start)
    }
    let text = String(Character(Unicode.Scalar(byte)))
    guard "+-/*%~[](){}<>=.:|,;".utf8.contains(byte) else {
      throw TemplateFault(.syntax, "an unexpected '\(text)'")
    }
    switch text {
    case "(": open(UInt8(ascii: ")"))
    case "[": open(UInt8(ascii: "]"))
    case "{": open(UInt8(ascii: "}"))
    case ")", "]", "}": try close(byte)
    default: break
    }
    offset += 1
    add(.symbol(text), start)
  }

  /// Digits with single underscores between them.
  private func endOfDigits(from start: Int, radix: Int = 10) -> Int {
    func isDigit(_ index: Int) -> Bool {
      guard index < source.count else { return false }
      return Character(Unicode.Scalar(source[index])).hexDigitValue.map { $0 < radix } ?? false
    }
    var index = start
    while true {
      if isDigit(index) {
        index += 1
      } else if index > start, index < source.count, source[index] == UInt8(ascii: "_"), isDigit(index + 1) {
        index += 2
      } else {
        return index
      }
    }
  }

  private mutating func lexNumber() throws(TemplateFault) {
    let start = offset
    let whole = endOfDigits(from: start)
    var end = whole
    let followsPoint = start > 0 && source[start - 1] == UInt8(ascii: ".")
    if !followsPoint {
      if has(".", at: end), endOfDigits(from: end + 1) > end + 1 { end = endOfDigits(from: end + 1) }
      if has("e", at: end) || has("E", at: end) {
        let digits = sign(at: end + 1) == nil ? end + 1 : end + 2
        let exponentEnd = endOfDigits(from: digits)
        if exponentEnd > digits { end = exponentEnd }
      }
    }
    if end > whole {
      let text = String(decoding: source[start..<end].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
      offset = end
      return add(.float(Double(text) ?? 0), start)
    }
    try lexInteger(start, whole)
  }

  private mutating func lexInteger(_ start: Int, _ decimalEnd: Int) throws(TemplateFault) {
    var (radix, digits, end) = (10, start, decimalEnd)
    if source[start] == UInt8(ascii: "0") {
      for (mark, base) in [("b", 2), ("o", 8), ("x", 16)]
      where has("0" + mark, at: start) || has("0" + mark.uppercased(), at: start) {
        let prefixed = endOfDigits(from: start + 2, radix: base)
        if prefixed > start + 2 { (radix, digits, end) = (base, start + 2, prefixed) }
      }
      // Jinja reads "007" as two numbers, which no statement allows.
      if radix == 10,
        source[start..<end].contains(where: { $0 != UInt8(ascii: "0") && $0 != UInt8(ascii: "_") })
      {
        throw TemplateFault(.syntax, "a number that starts with 0")
      }
    }
    let text = String(decoding: source[digits..<end].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
    guard let value = Int(text, radix: radix) else { throw .unsupported("an integer beyond 64 bits") }
    offset = end
    add(.int(value), start)
  }

  private mutating func lexString(_ quote: UInt8) throws(TemplateFault) {
    let start = offset
    var end = start + 1
    while end < source.count && source[end] != quote {
      end += source[end] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard end < source.count else { throw TemplateFault(.syntax, "a string without its end") }
    let text = try Self.unescaped(source[start + 1..<end])
    offset = end + 1
    add(.string(text), start)
  }

  /// The string of a literal, with Python's escapes.
  private static func unescaped(_ literal: ArraySlice<UInt8>) throws(TemplateFault) -> String {
    guard literal.contains(UInt8(ascii: "\\")) else { return String(decoding: literal, as: UTF8.self) }
    var output: [UInt8] = []
    var rest = literal
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
        output.append(byte)
        continue
      }
      switch escape {
      case UInt8(ascii: "\n"): break
      case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): output.append(escape)
      case UInt8(ascii: "a"): output.append(0x07)
      case UInt8(ascii: "b"): output.append(0x08)
      case UInt8(ascii: "f"): output.append(0x0C)
      case UInt8(ascii: "n"): output.append(0x0A)
      case UInt8(ascii: "r"): output.append(0x0D)
      case UInt8(ascii: "t"): output.append(0x09)
      case UInt8(ascii: "v"): output.append(0x0B)
      case UInt8(ascii: "x"): UTF8Text.append(try scalar(&rest, digits: 2).value, to: &output)
      case UInt8(ascii: "u"): UTF8Text.append(try scalar(&rest, digits: 4).value, to: &output)
      case UInt8(ascii: "U"): UTF8Text.append(try scalar(&rest, digits: 8).value, to: &output)
      case UInt8(ascii: "0")...UInt8(ascii: "7"):
        var value = UInt32(escape - UInt8(ascii: "0"))
        for _ in 0..<2 {
          guard let digit = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit) else { break }
          value = value * 8 + UInt32(digit - UInt8(ascii: "0"))
          rest.removeFirst()
        }
        UTF8Text.append(value, to: &output)
      case UInt8(ascii: "N"): throw .unsupported("the escape \\N")
      default: output += [byte, escape]
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  private static func scalar(_ rest: inout ArraySlice<UInt8>, digits: Int) throws(TemplateFault)
    -> Unicode.Scalar
  {
    let text = String(decoding: rest.prefix(digits), as: UTF8.self)
    guard text.utf8.count == digits, text.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let value = UInt32(text, radix: 16)
    else { throw TemplateFault(.syntax, "an escape without its \(digits) hexadecimal digits") }
    guard let scalar = Unicode.Scalar(value) else { throw .unsupported("half of a surrogate pair") }
    rest.removeFirst(digits)
    return scalar
  }
}
