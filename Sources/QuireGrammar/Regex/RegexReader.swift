/// Reads regular expressions: alternation, groups, classes, quantifiers, anchors at the ends.
///
/// | written | matches |
/// |---|---|
/// | `a|b`, `(…)`, `(?:…)`, `(?<name>…)`, `(?P<name>…)` | either; a group, whose name says nothing |
/// | `.` | any scalar but a line feed; in ECMAScript but any end of a line |
/// | `[a-z_]`, `[^…]` | one scalar of the set, or not of it |
/// | `\d \w` and `\D \W` | ASCII digits, word characters; what is one in no script, see `ScalarReadings` |
/// | `\p{Lu}`, `\pL`, `\P{Letter}` | a general category of Unicode by its short or long name, or no scalar of it |
/// | `\s` and `\S` | white space of Unicode, as the dialect counts it; all others |
/// | `\n \r \t \f \v \0 \xHH \uHHHH \u{H…}` | that scalar; `\` before punctuation is the punctuation |
/// | `* + ? {m} {m,} {m,n} {,n}` | repetition; a `?` after it changes nothing |
/// | `^` and `$` | the ends, where an alternative of the whole expression begins and ends |
/// | `(?=…)`, `(?!…)` | a lookahead, where an alternative of the whole expression begins, in a `pattern` after `^` |
///
/// Other lookaround, backreferences, word boundaries, flags, possessive quantifiers, several quantifiers of one part and other
/// properties in `\p` are refused.
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
    /// What the whole text satisfies besides.
    var lookaheads: [TextCondition] = []
  }

  private var text: SourceText
  private let dialect: Dialect
  private var depth = 0

  /// The texts that an expression of Python matches as a whole.
  static func grammar(of source: String) throws(GrammarError) -> Grammar {
    var grammar = Grammar()
    let alternatives = try alternatives(of: source, .python, name: "regex")
    switch condition(of: alternatives, among: .empty) {
    case .expression(let expression): grammar.root = expression
    case let condition:
      guard let automaton = try? ScalarAutomaton([condition]) else {
        throw GrammarError(
          """
          regex: expected lookaheads that \(GrammarLimits.automatonStatesMaximum) states can match together with the rest, \
          found some that need more; use simpler ones
          """)
      }
      grammar.root = automaton.rules(in: &grammar, written: { .scalars($0) }) { $0 == [true] ? .empty : nil }
    }
    return grammar
  }

  /// What a text satisfies in which one of the alternatives is found; an expression if none looks ahead.
  ///
  /// - Parameter anything: what may stand before and after an alternative that is not anchored
  static func condition(
    of alternatives: [Alternative], among anything: GrammarExpression
  ) -> TextCondition {
    let wholes = alternatives.map { part in
      GrammarExpression.sequence([
        part.isAnchoredAtStart ? .empty : anything, part.expression, part.isAnchoredAtEnd ? .empty : anything,
      ])
    }
    if alternatives.allSatisfy(\.lookaheads.isEmpty) { return .expression(.choice(wholes)) }
    return .any(zip(alternatives, wholes).map { .all([.expression($1)] + $0.lookaheads) })
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
    if isOutermost {
      alternative.isAnchoredAtStart = text.take("^")
      alternative.lookaheads = try readLookaheads(isAnchored: alternative.isAnchoredAtStart)
    }
    while let scalar = text.next, scalar != "|", scalar != ")" {
      if isOutermost && scalar == "$" && [nil, "|", ")"].contains(text.second) {
        text.index += 1
        alternative.isAnchoredAtEnd = true
        break
      }
      parts.append(try readRepeated())
    }
    alternative.expression = .sequence(parts)
    return alternative
  }

  private mutating func readLookaheads(isAnchored: Bool) throws(GrammarError) -> [TextCondition] {
    var lookaheads: [TextCondition] = []
    while text.next == "(", text.second == "?" {
      let start = text.index
      let isNegative = text.take("(?!")
      guard isNegative || text.take("(?=") else { break }
      guard isAnchored || dialect == .python else {
        text.index = start
        throw text.error(expected: "lookaheads only after ^ at the beginning", advice: "write ^ before it")
      }
      let inner = try readAlternatives(isOutermost: true)
      guard inner.allSatisfy(\.lookaheads.isEmpty) else {
        throw text.error(expected: "no lookahead in another one", advice: "write one after the other")
      }
      guard text.take(")") else { throw text.error(expected: ")", advice: "close the lookahead") }
      lookaheads.append(lookahead(inner, isNegative: isNegative))
    }
    return lookaheads
  }

  private func lookahead(_ alternatives: [Alternative], isNegative: Bool) -> TextCondition {
    // In Python, $ is also before a line feed at the end: the text must not be refused by either reading.
    let end: GrammarExpression = isNegative ? .optional(.text("\n")) : .empty
    let texts = alternatives.map {
      GrammarExpression.sequence([$0.expression, $0.isAnchoredAtEnd ? end : .anyNumber(.scalars(.all))])
    }
    return isNegative ? .not(.expression(.choice(texts))) : .expression(.choice(texts))
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
    case "\\": return .scalars(try readEscape(inClass: false).common)
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
          expected: "a plain group",
          advice:
            "other lookaround than lookaheads at the beginning, backreferences and flags are not supported")
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
    var set: ScalarReadings?
    while let scalar = text.next, scalar != "]" {
      let low = try readMember()
      guard text.next == "-", let second = text.second, second != "]" else {
        set = set?.union(low) ?? low
        continue
      }
      text.index += 1
      let high = try readMember()
      guard let first = low.onlyScalar, let last = high.onlyScalar, first <= last else {
        throw text.error(expected: "a range from a lower character to a higher one", advice: "correct it")
      }
      let range = ScalarReadings(ScalarSet([first...last]))
      set = set?.union(range) ?? range
    }
    guard text.take("]") else { throw text.error(expected: "]", advice: "close the class") }
    guard let set else {
      throw text.error(expected: "a class with characters", found: "none", advice: "add some")
    }
    return (isInverted ? set.inverted : set).common
  }

  private mutating func readMember() throws(GrammarError) -> ScalarReadings {
    if text.next == "\\" { return try readEscape(inClass: true) }
    guard let scalar = text.take() else { throw text.error(expected: "]", advice: "close the class") }
    return ScalarReadings(ScalarSet(scalar))
  }

  private func namedSet(_ letter: Unicode.Scalar) -> ScalarReadings? {
    switch letter {
    case "d": .digits
    case "D": ScalarReadings.digits.inverted
    case "w": .wordCharacters
    case "W": ScalarReadings.wordCharacters.inverted
    case "s": ScalarReadings(dialect.whiteSpace)
    case "S": ScalarReadings(dialect.whiteSpace.inverted)
    default: nil
    }
  }

  private static let controls: [Unicode.Scalar: Unicode.Scalar] = [
    "n": "\n", "r": "\r", "t": "\t", "f": "\u{C}", "v": "\u{B}", "0": "\0",
  ]

  private mutating func readEscape(inClass: Bool) throws(GrammarError) -> ScalarReadings {
    text.index += 1
    guard let scalar = text.next else {
      throw text.error(expected: "a character after the backslash", advice: "write \\\\ for a backslash")
    }
    if let set = namedSet(scalar) {
      text.index += 1
      return set
    }
    if scalar == "p" || scalar == "P" {
      let category = try readCategory()
      return scalar == "p" ? category : category.inverted
    }
    return ScalarReadings(ScalarSet(try readEscapedScalar(scalar, inClass: inClass)))
  }

  /// The general category that `\p{…}` or `\pL` names.
  private mutating func readCategory() throws(GrammarError) -> ScalarReadings {
    let start = text.index
    text.index += 1
    var name = ""
    if text.take("{") {
      for prefix in ["General_Category=", "gc="] where text.take(prefix) { break }
      name = text.takeAll { $0 != "}" }
      if !text.take("}") { name = "" }
    } else if let letter = text.take() {
      name = String(Character(letter))
    }
    guard let set = ScalarSet.category(name) else {
      text.index = start
      throw text.error(
        expected: "a general category of Unicode, such as \\p{L} or \\p{Lu}",
        advice: "use one; other properties and scripts are not supported")
    }
    return ScalarReadings(category: set)
  }

  /// The scalar of an escape whose character after the backslash is known.
  private mutating func readEscapedScalar(
    _ scalar: Unicode.Scalar, inClass: Bool
  ) throws(GrammarError) -> Unicode.Scalar {
    if scalar == "x" || scalar == "u" {
      text.index += 1
      return try readCode(digitCount: scalar == "x" ? 2 : 4)
    }
    // Some languages read digits after \0 as an octal number.
    if let control = Self.controls[scalar], scalar != "0" || !ScalarSet.digits.contains(text.second ?? " ") {
      text.index += 1
      return control
    }
    if inClass && scalar == "b" {
      text.index += 1
      return "\u{8}"
    }
    guard !ScalarSet.wordCharacters.contains(scalar) || scalar == "_" else {
      throw text.error(
        expected: "an escape of the supported subset",
        advice: "backreferences, boundaries and octal numbers are not supported")
    }
    text.index += 1
    return scalar
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
