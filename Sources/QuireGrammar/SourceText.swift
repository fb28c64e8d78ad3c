import QuireJSON

/// A text that is read scalar by scalar, with what the readers of expressions and grammars have in common.
struct SourceText {
  let scalars: [Unicode.Scalar]
  /// What the text is, for sentences: "regex" or "grammar".
  let name: String
  var index = 0

  init(_ text: String, name: String) {
    scalars = Array(text.unicodeScalars)
    self.name = name
  }

  var isAtEnd: Bool { index >= scalars.count }
  var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  /// The scalar after the next one.
  var second: Unicode.Scalar? { index < scalars.count - 1 ? scalars[index + 1] : nil }

  mutating func take() -> Unicode.Scalar? {
    guard index < scalars.count else { return nil }
    defer { index += 1 }
    return scalars[index]
  }

  /// Takes a text if it comes next.
  mutating func take(_ text: String) -> Bool {
    let wanted = text.unicodeScalars
    guard scalars[index...].starts(with: wanted) else { return false }
    index += wanted.count
    return true
  }

  /// Takes scalars for as long as they are wanted.
  mutating func takeAll(_ isWanted: (Unicode.Scalar) -> Bool) -> String {
    var text = String.UnicodeScalarView()
    while let scalar = next, isWanted(scalar) {
      text.append(scalar)
      index += 1
    }
    return String(text)
  }

  func error(expected: String, found: String? = nil, advice: String) -> GrammarError {
    GrammarError(
      "\(name): expected \(expected) at character \(index + 1), found \(found ?? foundText); \(advice)")
  }

  private var foundText: String {
    guard let next else { return "the end" }
    return "'\(String(Character(next)))'"
  }
}

// MARK: - Numbers

extension SourceText {
  /// A scalar by its code of exactly so many hexadecimal digits.
  mutating func takeScalar(digitCount: Int) throws(GrammarError) -> Unicode.Scalar {
    var value: UInt32 = 0
    for _ in 0..<digitCount {
      guard let scalar = next, let digit = Self.hexadecimalDigit(scalar) else {
        throw error(expected: "\(digitCount) hexadecimal digits", advice: "correct the escape")
      }
      // bounded: at most eight digits
      value = value << 4 | digit
      index += 1
    }
    guard let scalar = Unicode.Scalar(value) else {
      throw error(expected: "the code of a Unicode scalar", advice: "correct the escape")
    }
    return scalar
  }

  static func hexadecimalDigit(_ scalar: Unicode.Scalar) -> UInt32? {
    guard scalar.isASCII, let digit = Character(scalar).hexDigitValue else { return nil }
    return UInt32(truncatingIfNeeded: digit)
  }

  /// Decimal digits as a count; nil when there are none.
  private mutating func takeCount() throws(GrammarError) -> Int? {
    let digits = takeAll { $0 >= "0" && $0 <= "9" }
    if digits.isEmpty { return nil }
    guard let count = CheckedCount(digits: digits.utf8).value(atMost: GrammarLimits.repetitionMaximum) else {
      throw error(
        expected: "a count of at most \(GrammarLimits.repetitionMaximum)", found: String(digits.prefix(20)),
        advice: "use a smaller one")
    }
    return count
  }

  /// What follows a part: `*`, `+`, `?` or a count in braces. Nil when the part stands once.
  ///
  /// - Parameter allowsBlanks: whether blanks may stand in the braces
  mutating func takeQuantifier(
    allowsBlanks: Bool = false
  ) throws(GrammarError) -> (minimum: Int, maximum: Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    guard take("{") else { return nil }
    func skipBlanks() { if allowsBlanks { _ = takeAll { $0 == " " || $0 == "\t" } } }
    skipBlanks()
    let minimum = try takeCount()
    skipBlanks()
    var maximum = minimum
    if take(",") {
      skipBlanks()
      maximum = try takeCount()
      skipBlanks()
    }
    guard minimum != nil || maximum != nil, minimum ?? 0 <= maximum ?? .max, take("}") else {
      throw error(
        expected: "a count such as {2}, {2,} or {2,5}",
        advice: "correct it, or write \(allowsBlanks ? "\"{\"" : "\\{") for the character")
    }
    return (minimum ?? 0, maximum)
  }
}
