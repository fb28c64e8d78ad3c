import QuireJSON

/// The parts of JSON as rules, each added to a grammar when it is first used.
///
/// White space: after `{`, `[` and `,` and before `}` and `]` nothing, one space, or one line feed with up to 20 spaces
/// or tabs; after `:` nothing or one space; elsewhere none. So a model can write compact, spaced and indented JSON, and
/// cannot write white space for ever. Numbers have at most 18 digits before the point, 17 after it and 2 in the
/// exponent; escapes of surrogates come in pairs.
struct JSONGrammar {
  var grammar = Grammar()
  private var shared: [UTF8Key: Int] = [:]

  static let indentMaximum = 20
  /// Decimal digits that always fit a 64-bit integer.
  static let digitCountMaximum = 18
  static let fractionDigitCountMaximum = 17

  static func anyObject() -> Grammar {
    var json = JSONGrammar()
    json.grammar.root = json.object
    return json.grammar
  }

  private mutating func rule(_ name: String, _ make: (inout JSONGrammar) -> GrammarExpression)
    -> GrammarExpression
  {
    let key = UTF8Key(name)
    if let known = shared[key] { return .rule(known) }
    let rule = grammar.declare(name)
    shared[key] = rule
    grammar.define(rule, make(&self))
    return .rule(rule)
  }

  /// A rule that was added by this name, which is what the rule depends on.
  func known(_ name: String) -> GrammarExpression? { shared[UTF8Key(name)].map { .rule($0) } }

  /// Adds a rule that others with the same name share: the masks of its inside are found once for all of them.
  mutating func share(_ name: String, _ expression: GrammarExpression) -> GrammarExpression {
    let rule = grammar.add(name, expression)
    shared[UTF8Key(name)] = rule
    return .rule(rule)
  }

  // MARK: White space

  var space: GrammarExpression {
    mutating get {
      rule("space") { _ in
        let indent = GrammarExpression.repetition(
          .scalars(ScalarSet(" ").union(ScalarSet("\t"))), minimum: 0, maximum: Self.indentMaximum)
        return .choice([.empty, .text(" "), .sequence([.text("\n"), indent])])
      }
    }
  }

  static let spaceAfterColon = GrammarExpression.optional(.text(" "))

  var comma: GrammarExpression {
    mutating get { .sequence([.text(","), space]) }
  }

  // MARK: Scalars

  /// Characters that a string has as they are.
  static let plainCharacters = ScalarSet([0...0x1F, 0x22...0x22, 0x5C...0x5C]).inverted

  private static let escape: GrammarExpression = {
    let hexadecimal = GrammarExpression.scalars(.hexadecimalDigits)
    func digits(_ count: Int) -> GrammarExpression {
      .repetition(hexadecimal, minimum: count, maximum: count)
    }
    let withoutD = ScalarSet.hexadecimalDigits.subtracting(ScalarSet([0x44...0x44, 0x64...0x64]))
    let letterD = GrammarExpression.scalars(ScalarSet([0x44...0x44, 0x64...0x64]))
    let low = GrammarExpression.scalars(ScalarSet("0"..."7"))
    let high = GrammarExpression.scalars(ScalarSet([0x38...0x39, 0x41...0x42, 0x61...0x62]))
    let second = GrammarExpression.scalars(ScalarSet([0x43...0x46, 0x63...0x66]))
    return .sequence([
      .text("\\"),
      .choice([
        .scalars(ScalarSet("\"\\/bfnrt".unicodeScalars.map { $0.value...$0.value })),
        .sequence([.text("u"), .scalars(withoutD), digits(3)]),
        .sequence([.text("u"), letterD, low, digits(2)]),
        .sequence([.text("u"), letterD, high, digits(2), .text("\\u"), letterD, second, digits(2)]),
      ]),
    ])
  }()

  private static let anyCharacter = GrammarExpression.choice([.scalars(plainCharacters), escape])

  /// One character of a string.
  var character: GrammarExpression {
    mutating get { rule("character") { _ in Self.anyCharacter } }
  }

  var string: GrammarExpression {
    mutating get {
      rule("string") { _ in .sequence([.text("\""), .anyNumber(Self.anyCharacter), .text("\"")]) }
    }
  }

  /// What matches a string's text, as what matches the string between its quotation marks: characters that JSON has no
  /// way to write plainly are escaped.
  static func escaped(_ expression: GrammarExpression) -> GrammarExpression {
    switch expression {
    case .empty, .rule, .tag: return expression
    case .literal(let bytes):
      return .sequence(String(decoding: bytes, as: UTF8.self).unicodeScalars.map { escaped(ScalarSet($0)) })
    case .scalars(let set): return escaped(set)
    case .sequence(let parts): return .sequence(parts.map(escaped))
    case .choice(let parts): return .choice(parts.map(escaped))
    case .repetition(let part, let minimum, let maximum):
      return .repetition(escaped(part), minimum: minimum, maximum: maximum)
    }
  }

  /// The rest of a string whose text an automaton reads.
  ///
  /// - Parameter ending: what follows a text by the conditions that it satisfies; nil where no text ends
  mutating func text(
    _ automaton: ScalarAutomaton, ending: (_ satisfied: [Bool]) -> GrammarExpression?
  ) -> GrammarExpression {
    // Most sets have all of these, which a rule makes small.
    let beyondASCII = rule("beyond ASCII") { _ in .scalars(Self.beyondASCII) }
    let escapes = rule("escapes") { _ in Self.escaped(Self.plainCharacters.inverted) }
    func written(_ set: ScalarSet) -> GrammarExpression {
      var (rest, parts): (ScalarSet, [GrammarExpression]) = (set, [])
      for (part, rule) in [(Self.beyondASCII, beyondASCII), (Self.plainCharacters.inverted, escapes)]
      where part.subtracting(set).isEmpty {
        rest = rest.subtracting(part)
        parts.append(rule)
      }
      return .choice([Self.escaped(rest)] + parts)
    }
    return automaton.rules(in: &grammar, written: written, ending: ending)
  }

  private static let beyondASCII = ScalarSet([0x80...ScalarSet.scalarMaximum])

  private static func escaped(_ set: ScalarSet) -> GrammarExpression {
    let plain = set.subtracting(plainCharacters.inverted)
    let specials = plainCharacters.inverted.ranges.joined().compactMap(Unicode.Scalar.init)
      .filter(set.contains)
      .map { GrammarExpression.literal(Array(literalBytes(.string(String($0))).dropFirst().dropLast())) }
    if specials.isEmpty { return .scalars(plain) }
    return .choice([.scalars(plain)] + specials)
  }

  // MARK: Numbers

  static let digits = GrammarExpression.scalars(.digits)
  static let nonzeroDigits = GrammarExpression.scalars(ScalarSet("1"..."9"))
  static let fraction = GrammarExpression.sequence([
    .text("."), .repetition(digits, minimum: 1, maximum: fractionDigitCountMaximum),
  ])
  private static let magnitude = GrammarExpression.choice([
    .text("0"),
    .sequence([nonzeroDigits, .repetition(digits, minimum: 0, maximum: digitCountMaximum - 1)]),
  ])
  private static let exponent = GrammarExpression.sequence([
    .scalars(ScalarSet([0x45...0x45, 0x65...0x65])),
    .optional(.scalars(ScalarSet([0x2B...0x2B, 0x2D...0x2D]))),
    .repetition(digits, minimum: 1, maximum: 2),
  ])

  var integer: GrammarExpression {
    mutating get {
      rule("integer") { _ in
        .choice([Self.magnitude, .sequence([.text("-"), Self.nonzeroMagnitude])])
      }
    }
  }

  private static let nonzeroMagnitude = GrammarExpression.sequence([
    nonzeroDigits, .repetition(digits, minimum: 0, maximum: digitCountMaximum - 1),
  ])

  var number: GrammarExpression {
    mutating get {
      rule("number") { _ in
        .sequence([
          .optional(.text("-")), Self.magnitude, .optional(Self.fraction), .optional(Self.exponent),
        ])
      }
    }
  }

  static let boolean = GrammarExpression.choice([.text("true"), .text("false")])
  static let null = GrammarExpression.text("null")

  // MARK: Values

  var value: GrammarExpression {
    mutating get {
      rule("value") { json in
        .choice([json.object, json.array, json.string, json.number, Self.boolean, Self.null])
      }
    }
  }

  var object: GrammarExpression {
    mutating get {
      rule("object") { json in
        let key = json.string
        let member = json.member(key: key, value: json.value)
        return json.braces(json.list(member, minimum: 0, maximum: nil))
      }
    }
  }

  var array: GrammarExpression {
    mutating get {
      rule("array") { json in
        let value = json.value
        return json.brackets(json.list(value, minimum: 0, maximum: nil))
      }
    }
  }

  func member(key: GrammarExpression, value: GrammarExpression) -> GrammarExpression {
    .sequence([key, .text(":"), Self.spaceAfterColon, value])
  }

  mutating func braces(_ members: GrammarExpression) -> GrammarExpression {
    .sequence([.text("{"), space, members, .text("}")])
  }

  mutating func brackets(_ elements: GrammarExpression) -> GrammarExpression {
    .sequence([.text("["), space, elements, .text("]")])
  }

  /// `minimum` to `maximum` parts with commas between them, and space after the last; nothing for none.
  mutating func list(_ part: GrammarExpression, minimum: Int, maximum: Int?) -> GrammarExpression {
    if let maximum, maximum == 0 { return .empty }
    let more = repetition(
      .sequence([comma, part]), minimum: max(0, minimum - 1), maximum: maximum.map { $0 - 1 })
    let all = GrammarExpression.sequence([part, more, space])
    return minimum == 0 ? .optional(all) : all
  }

  /// `minimum` to `maximum` parts. Large counts are those of blocks, each a rule, and of single parts after them, so that
  /// a network has no copy for each part.
  mutating func repetition(
    _ part: GrammarExpression, minimum: Int, maximum: Int?
  ) -> GrammarExpression {
    let size = Self.blockPartCount
    guard let maximum, maximum > GrammarLimits.repetitionMaximum else {
      return .repetition(part, minimum: minimum, maximum: maximum)
    }
    // Any number up to the maximum is some blocks and fewer than two blocks of single parts.
    let (blockCount, rest) = (maximum - minimum).quotientAndRemainder(dividingBy: size)
    guard blockCount > 1 else { return .repetition(part, minimum: minimum, maximum: maximum) }
    let block = grammar.add("block", .repetition(part, minimum: size, maximum: size))
    return .sequence([
      .repetition(part, minimum: minimum, maximum: minimum),
      repetition(.rule(block), minimum: 0, maximum: blockCount - 1),
      .repetition(part, minimum: 0, maximum: size + rest),
    ])
  }

  /// Longer than a token, so that most tokens end in the block in which they begin.
  private static let blockPartCount = 1_000

  // MARK: Constants

  /// Exactly this value; members in its order.
  mutating func constant(_ value: JSONValue) -> GrammarExpression {
    switch value {
    case .array(let elements):
      return brackets(joined(elements.map { constant($0) }))
    case .object(let object):
      return braces(
        joined(
          object.members.map { member in
            self.member(
              key: .literal(Self.literalBytes(.string(member.key))), value: constant(member.value))
          }))
    default: return .literal(Self.literalBytes(value))
    }
  }

  private mutating func joined(_ parts: [GrammarExpression]) -> GrammarExpression {
    guard let first = parts.first else { return .empty }
    return .sequence([first] + parts.dropFirst().flatMap { [comma, $0] } + [space])
  }

  static func literalBytes(_ value: JSONValue) -> [UInt8] { value.serializedBytes() }
}
