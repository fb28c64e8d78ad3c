/// Reads regular expressions: alternation, groups, classes, quantifiers, anchors at the ends.
///
/// | written | matches |
/// |---|---|
/// | `a|b`, `(…)`, `(?:…)`, `(?<name>…)`, `(?P<name>…)` | either; a group, whose name says nothing |
/// | `.` | any scalar but a line feed; in ECMAScript but any end of a line |
/// | `[a-z_]`, `[^…]` | one scalar of the set, or not of it |
/// | `\d \w` and `\D \W` | ASCII digits, word characters; all others |
/// | `\s` and `\S` | white space of Unicode, as the dialect counts it; all others |
/// | `\n \r \t \f \v \0 \xHH \uHHHH \u{H…}` | that scalar; `\` before punctuation is the punctuation |
/// | `* + ? {m} {m,} {m,n} {,n}` | repetition; a `?` after it changes nothing |
/// | `^` and `$` | the ends, where an alternative of the whole expression begins and ends |
///
/// Lookaround, backreferences, word boundaries, flags, possessive quantifiers, several quantifiers of one part and `\p`
/// are refused.
struct RegexReader {
  /// Where languages read the same expression differently.
  enum Dialect {
    /// Python's `re` for `str`: `.` excludes only the line feed.
    case python
    /// ECMA-262, which JSON Schema refers to for `pattern`.
    case ecmaScript

    /// What `.` matches.
    fileprivate var anyScalar: ScalarSet {
      switch self {
      case .python: ScalarSet("\n").inverted
      case .ecmaScript: ScalarSet([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]).inverted
      }
    }

    /// What `\s` matches.
    fileprivate var whiteSpace: ScalarSet {
      switch self {
      case .python: .pythonWhiteSpace
      case .ecmaScript: .ecmaScriptWhiteSpace
      }
    }
  }

  /// One alternative of an expression, and whether it says where it begins and ends.
  struct Alternative {
    var expression = GrammarExpression.empty
    var isAnchoredAtStart = false
    var isAnchoredAtEnd = false
  }

  private var text: SourceText
  private let dialect: Dialect
  private var depth = 0

  /// The texts that an expression of Python matches as a whole.
  static func grammar(of source: String) throws(GrammarError) -> Grammar {
    var grammar = Grammar()
    let alternatives = try alternatives(of: source, .python, name: "regex")
    grammar.root = .choice(alternatives.map(\.expression))
    return grammar
  }

  /// The alternatives of an expression.
  ///
  /// - Parameter name: what the expression is called in sentences
  static func alternatives(
    of source: String, _ dialect: Dialect = .ecmaScript, name: String
  ) throws(GrammarError) -> [Alternative] {
    var reader = RegexReader(text: SourceText(source, name: name), dialect: dialect)
    let alternatives = try reader.readAlternatives(isOutermost: true)
    guard reader.text.isAtEnd else {
      throw reader.text.error(expected: "the end", advice: "write \\) for the character, or open the group")
    }
    return alternatives
  }

  private mutating func readAlternatives(isOutermost: Bool) throws(GrammarError) -> [Alternative] {
    depth += 1
    defer { depth -= 1 }
    guard depth <= GrammarLimits.depthMaximum else {
      throw text.error(
        expected: "at most \(GrammarLimits.depthMaximum) nested groups", advice: "use fewer")
    }
    var alternatives = [try readAlternative(isOutermost: isOutermost)]
    while text.take("|") { alternatives.append(try readAlternative(isOutermost: isOutermost)) }
    return alternatives
  }

  private mutating func readAlternative(isOutermost: Bool) throws(GrammarError) -> Alternative {
    var alternative = Alternative()
    var parts: [GrammarExpression] = []
    if isOutermost && text.take("^") { alternative.isAnchoredAtStart = true }
    while let scalar = text.next, scalar != "|", scalar != ")" {
      if isOutermost && scalar == "$" && (text.second == nil || text.second == "|") {
        text.index += 1
        alternative.isAnchoredAtEnd = true
        break
      }
      parts.append(try readRepeated())
    }
    alternative.expression = .sequence(parts)
    return alternative
  }

  private mutating func readRepeated() throws(GrammarError) -> GrammarExpression {
    let part = try readPart()
    guard let (minimum, maximum) = try text.takeQuantifier() else { return part }
    // A lazy quantifier matches the same texts.
    _ = text.take("?")
    // Each further one would nest the expression once more, without a limit.
    if let next = text.next, "*+?{".unicodeScalars.contains(next) {
      throw text.error(
        expected: "at most one quantifier after a part",
        advice: "write a group to repeat a repetition; possessive quantifiers are not supported")
    }
    return .repetition(part, minimum: minimum, maximum: maximum)
  }

  private mutating func readPart() throws(GrammarError) -> GrammarExpression {
    switch text.next {
    case "(": return try readGroup()
    case "[": return .scalars(try readClass())
    case ".":
      text.index += 1
      return .scalars(dialect.anyScalar)
    case "\\": return .scalars(try readEscape(inClass: false))
    case "*", "+", "?", "{":
      throw text.error(expected: "something to repeat", advice: "write a backslash before the character")
    case "^", "$":
      throw text.error(
        expected: "^ and $ only at the ends of the expression",
        advice: "move or remove it, or write a backslash")
    default:
      guard let scalar = text.take() else { return .empty }
      return .scalars(ScalarSet(scalar))
    }
  }

  private mutating func readGroup() throws(GrammarError) -> GrammarExpression {
    text.index += 1
    if text.take("?") {
      let isNamed =
        text.take("P<") || (text.next == "<" && text.second != "=" && text.second != "!" && text.take("<"))
      if isNamed {
        _ = text.takeAll { $0 != ">" }
        guard text.take(">") else { throw text.error(expected: "> after the name", advice: "close it") }
      } else if !text.take(":") {
        throw text.error(
          expected: "a plain group", advice: "lookaround, backreferences and flags are not supported")
      }
    }
    let alternatives = try readAlternatives(isOutermost: false)
    guard text.take(")") else { throw text.error(expected: ")", advice: "close the group") }
    return .choice(alternatives.map(\.expression))
  }
}

// MARK: - Sets

extension RegexReader {
  private mutating func readClass() throws(GrammarError) -> ScalarSet {
    text.index += 1
    let isInverted = text.take("^")
    var ranges: [ClosedRange<UInt32>] = []
    while let scalar = text.next, scalar != "]" {
      let low = try readMember()
      guard text.next == "-", let second = text.second, second != "]" else {
        ranges += low.ranges
        continue
      }
      text.index += 1
      let high = try readMember()
      guard let first = low.onlyScalar, let last = high.onlyScalar, first <= last else {
        throw text.error(expected: "a range from a lower character to a higher one", advice: "correct it")
      }
      ranges.append(first...last)
    }
    guard text.take("]") else { throw text.error(expected: "]", advice: "close the class") }
    let set = ScalarSet(ranges)
    guard !ranges.isEmpty else {
      throw text.error(expected: "a class with characters", found: "none", advice: "add some")
    }
    return isInverted ? set.inverted : set
  }

  private mutating func readMember() throws(GrammarError) -> ScalarSet {
    if text.next == "\\" { return try readEscape(inClass: true) }
    guard let scalar = text.take() else { throw text.error(expected: "]", advice: "close the class") }
    return ScalarSet(scalar)
  }

  private static let sets: [Unicode.Scalar: ScalarSet] = [
    "d": .digits, "w": .wordCharacters, "D": ScalarSet.digits.inverted,
    "W": ScalarSet.wordCharacters.inverted,
  ]
  private static let controls: [Unicode.Scalar: Unicode.Scalar] = [
    "n": "\n", "r": "\r", "t": "\t", "f": "\u{C}", "v": "\u{B}", "0": "\0",
  ]

  private mutating func readEscape(inClass: Bool) throws(GrammarError) -> ScalarSet {
    text.index += 1
    guard let scalar = text.next else {
      throw text.error(expected: "a character after the backslash", advice: "write \\\\ for a backslash")
    }
    if let set = Self.sets[scalar] {
      text.index += 1
      return set
    }
    if scalar == "s" || scalar == "S" {
      text.index += 1
      return scalar == "s" ? dialect.whiteSpace : dialect.whiteSpace.inverted
    }
    if let control = Self.controls[scalar] {
      text.index += 1
      return ScalarSet(control)
    }
    if inClass && scalar == "b" {
      text.index += 1
      return ScalarSet("\u{8}")
    }
    if scalar == "x" || scalar == "u" {
      text.index += 1
      return ScalarSet(try readCode(digitCount: scalar == "x" ? 2 : 4))
    }
    guard !ScalarSet.wordCharacters.contains(scalar) || scalar == "_" else {
      throw text.error(
        expected: "an escape of the supported subset",
        advice: "backreferences, boundaries and \\p are not supported")
    }
    text.index += 1
    return ScalarSet(scalar)
  }

  private mutating func readCode(digitCount: Int) throws(GrammarError) -> Unicode.Scalar {
    guard digitCount == 4, text.take("{") else { return try text.takeScalar(digitCount: digitCount) }
    var copy = text
    let length = copy.takeAll { SourceText.hexadecimalDigit($0) != nil }.unicodeScalars.count
    guard (1...6).contains(length) else {
      throw text.error(expected: "one to six hexadecimal digits", advice: "correct the escape")
    }
    let scalar = try text.takeScalar(digitCount: length)
    guard text.take("}") else { throw text.error(expected: "}", advice: "close the escape") }
    return scalar
  }
}

extension ScalarSet {
  /// The scalar of a set of one.
  fileprivate var onlyScalar: UInt32? {
    guard ranges.count == 1, ranges[0].count == 1 else { return nil }
    return ranges[0].lowerBound
  }
}
