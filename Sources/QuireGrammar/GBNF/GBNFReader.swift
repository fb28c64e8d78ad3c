/// Reads grammars in GBNF, the notation of llama.cpp: rules `name ::= …`, of which `root` is the whole text.
///
/// | written | matches |
/// |---|---|
/// | `"text"` | that text; escapes `\n \r \t \\ \" \xHH \uHHHH \UHHHHHHHH` |
/// | `[a-z0-9]`, `[^"\\]`, `.` | one Unicode scalar of the set, not of it, any |
/// | `name` | the rule of that name |
/// | `a b`, `a | b`, `( … )` | one after the other, either, a group |
/// | `* + ? {m} {m,} {m,n} {,n}` | repetition |
/// | `# …` | nothing, up to the end of the line |
///
/// A rule ends with its line, except inside a group and before or after `|`. Left recursion and tokens by name or number
/// (`<think>`, `<[1000]>`) are refused.
struct GBNFReader {
  private var text: SourceText
  private var grammar = Grammar()
  private var rules: [String: Int] = [:]
  private var defined: Set<Int> = []
  private var depth = 0
  /// Quantifiers one around the other in what was read last.
  private var quantifierDepth = 0

  static func grammar(of source: String) throws(GrammarError) -> Grammar {
    var reader = GBNFReader(text: SourceText(source, name: "grammar"))
    try reader.readRules()
    return try reader.finish()
  }

  private init(text: SourceText) { self.text = text }

  private func finish() throws(GrammarError) -> Grammar {
    var grammar = grammar
    guard let root = rules["root"], defined.contains(root) else {
      throw GrammarError(
        "grammar: expected a rule named root in GBNF (root ::= …), found none; add it")
    }
    if let missing = rules.sorted(by: { $0.key < $1.key }).first(where: { !defined.contains($0.value) }) {
      throw GrammarError("grammar: expected a rule named '\(missing.key)', found none; define it")
    }
    grammar.root = .rule(root)
    return grammar
  }

  private mutating func rule(named name: String) -> Int {
    if let known = rules[name] { return known }
    let rule = grammar.declare(name)
    rules[name] = rule
    return rule
  }

  // MARK: Rules

  private mutating func readRules() throws(GrammarError) {
    skipSpace(acrossLines: true)
    while !text.isAtEnd {
      let name = try readName()
      skipSpace(acrossLines: false)
      guard text.take("::=") else { throw text.error(expected: "::= after a rule's name", advice: "add it") }
      let rule = rule(named: name)
      guard defined.insert(rule).inserted else {
        throw text.error(expected: "each rule once", found: "'\(name)' again", advice: "join them with |")
      }
      skipSpace(acrossLines: true)
      grammar.define(rule, try readChoice(isGroup: false))
      guard text.isAtEnd || text.next == "\n" || text.next == "\r" else {
        throw text.error(expected: "the end of the rule", advice: "correct it")
      }
      skipSpace(acrossLines: true)
    }
  }

  private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
    ScalarSet.wordCharacters.contains(scalar) || scalar == "-"
  }

  private mutating func readName() throws(GrammarError) -> String {
    let name = text.takeAll(Self.isNamePart)
    guard !name.isEmpty else {
      throw text.error(expected: "the name of a rule", advice: "write grammars in GBNF: root ::= …")
    }
    return name
  }

  /// Skips blanks and comments.
  private mutating func skipSpace(acrossLines: Bool) {
    while let scalar = text.next {
      switch scalar {
      case " ", "\t": text.index += 1
      case "#": _ = text.takeAll { $0 != "\n" && $0 != "\r" }
      case "\n", "\r":
        guard acrossLines else { return }
        text.index += 1
      default: return
      }
    }
  }

  // MARK: Expressions

  private mutating func readChoice(isGroup: Bool) throws(GrammarError) -> GrammarExpression {
    depth += 1
    defer { depth -= 1 }
    guard depth <= GrammarLimits.depthMaximum else {
      throw text.error(expected: "at most \(GrammarLimits.depthMaximum) nested groups", advice: "use fewer")
    }
    var parts = [try readSequence(isGroup: isGroup)]
    var deepest = quantifierDepth
    while isAtBar() {
      text.index += 1
      skipSpace(acrossLines: true)
      parts.append(try readSequence(isGroup: isGroup))
      deepest = max(deepest, quantifierDepth)
    }
    quantifierDepth = deepest
    return parts.count == 1 ? parts[0] : .choice(parts)
  }

  /// Moves to a `|` that comes next, possibly on a further line.
  private mutating func isAtBar() -> Bool {
    var ahead = self
    ahead.skipSpace(acrossLines: true)
    guard ahead.text.next == "|" else { return false }
    text.index = ahead.text.index
    return true
  }

  private mutating func readSequence(isGroup: Bool) throws(GrammarError) -> GrammarExpression {
    var parts: [GrammarExpression] = []
    var deepest = 0
    while let scalar = text.next, scalar != "|", scalar != ")" {
      if scalar == "\n" || scalar == "\r" {
        guard isGroup else { break }
        skipSpace(acrossLines: true)
        continue
      }
      parts.append(try readRepeated())
      deepest = max(deepest, quantifierDepth)
      skipSpace(acrossLines: isGroup)
    }
    quantifierDepth = deepest
    return parts.count == 1 ? parts[0] : .sequence(parts)
  }

  private mutating func readRepeated() throws(GrammarError) -> GrammarExpression {
    quantifierDepth = 0
    var part = try readPart()
    while let (minimum, maximum) = try text.takeQuantifier(allowsBlanks: true) {
      quantifierDepth += 1
      guard quantifierDepth <= GrammarLimits.depthMaximum else {
        throw text.error(
          expected: "at most \(GrammarLimits.depthMaximum) quantifiers one around the other",
          advice: "use fewer")
      }
      part = .repetition(part, minimum: minimum, maximum: maximum)
    }
    return part
  }

  private mutating func readPart() throws(GrammarError) -> GrammarExpression {
    switch text.next {
    case "\"": return try readLiteral()
    case "[": return .scalars(try readClass())
    case ".":
      text.index += 1
      return .scalars(.all)
    case "(":
      text.index += 1
      skipSpace(acrossLines: true)
      let group = try readChoice(isGroup: true)
      skipSpace(acrossLines: true)
      guard text.take(")") else { throw text.error(expected: ")", advice: "close the group") }
      return group
    case "<", "!":
      throw text.error(
        expected: "text, classes and rules", advice: "tokens by name or number are not supported")
    case .some(let scalar) where Self.isNamePart(scalar): return .rule(rule(named: try readName()))
    default:
      throw text.error(
        expected: "a literal, a class, a rule or a group", advice: "write grammars in GBNF: root ::= …")
    }
  }

  private mutating func readLiteral() throws(GrammarError) -> GrammarExpression {
    text.index += 1
    var literal = String.UnicodeScalarView()
    while text.next != "\"" { literal.append(try readCharacter(closing: "\"")) }
    text.index += 1
    return .text(String(literal))
  }

  private mutating func readClass() throws(GrammarError) -> ScalarSet {
    text.index += 1
    let isInverted = text.take("^")
    var ranges: [ClosedRange<UInt32>] = []
    while text.next != "]" {
      let low = try readCharacter(closing: "]")
      guard text.next == "-", let second = text.second, second != "]" else {
        ranges.append(low.value...low.value)
        continue
      }
      text.index += 1
      let high = try readCharacter(closing: "]")
      guard low <= high else {
        throw text.error(expected: "a range from a lower character to a higher one", advice: "correct it")
      }
      ranges.append(low.value...high.value)
    }
    text.index += 1
    let set = ScalarSet(ranges)
    return isInverted ? set.inverted : set
  }

  private mutating func readCharacter(closing: String) throws(GrammarError) -> Unicode.Scalar {
    guard let scalar = text.take(), scalar != "\n" else {
      throw text.error(expected: "\(closing) on the same line", advice: "close the text or the class")
    }
    guard scalar == "\\" else { return scalar }
    switch text.take() {
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "x": return try text.takeScalar(digitCount: 2)
    case "u": return try text.takeScalar(digitCount: 4)
    case "U": return try text.takeScalar(digitCount: 8)
    case .some(let scalar) where "\\\"[]-^'/".unicodeScalars.contains(scalar): return scalar
    default:
      throw text.error(
        expected: "one of the escapes \\n \\r \\t \\\\ \\\" \\[ \\] \\x \\u \\U", advice: "correct it")
    }
  }
}
