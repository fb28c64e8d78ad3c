/// What a part of a text may be.
package indirect enum GrammarExpression: Sendable, Equatable {
  case empty
  /// Exactly these bytes.
  case literal([UInt8])
  /// One Unicode scalar of the set, in UTF-8. The empty set matches nothing.
  case scalars(ScalarSet)
  case sequence([GrammarExpression])
  /// Any one of these. No alternative at all matches nothing.
  case choice([GrammarExpression])
  /// `minimum` to `maximum` times; without a maximum, any number of times from the minimum.
  case repetition(GrammarExpression, minimum: Int, maximum: Int?)
  /// The rule of this index.
  case rule(Int)
  /// The control token of this index in the grammar's tags.
  case tag(Int)

  static func text(_ text: String) -> Self { .literal(Array(text.utf8)) }
  static func optional(_ part: Self) -> Self { .choice([.empty, part]) }
  static func anyNumber(_ part: Self) -> Self { .repetition(part, minimum: 0, maximum: nil) }
  static let nothing = Self.choice([])
}

/// Rules that may use one another: a context-free grammar over bytes.
///
///     var grammar = Grammar()
///     let digits = try grammar.add("digits", .repetition(.scalars("0"..."9"), minimum: 1, maximum: nil))
///     grammar.root = .rule(digits)
package struct Grammar: Sendable, Equatable {
  package struct Rule: Sendable, Equatable {
    /// For sentences about it.
    package let name: String
    package var expression: GrammarExpression
  }

  package private(set) var rules: [Rule] = []
  package var root = GrammarExpression.empty
  /// Texts of control tokens, which ordinary text cannot write.
  package private(set) var tags: [String] = []

  package init() {}

  /// A rule whose expression is given later; until then it matches nothing.
  package mutating func declare(_ name: String) -> Int {
    rules.append(Rule(name: name, expression: .nothing))
    return rules.count - 1
  }

  package mutating func define(_ rule: Int, _ expression: GrammarExpression) {
    rules[rule].expression = expression
  }

  package mutating func add(_ name: String, _ expression: GrammarExpression) -> Int {
    rules.append(Rule(name: name, expression: expression))
    return rules.count - 1
  }

  /// The expression of a control token.
  mutating func tag(_ text: String) -> GrammarExpression {
    if let index = tags.firstIndex(of: text) { return .tag(index) }
    tags.append(text)
    return .tag(tags.count - 1)
  }
}
