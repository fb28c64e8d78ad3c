import QuireGrammar
import QuireJSON
import QuireText
import TestSupport
import Testing

/// A mask is what a check of each single token says.
@Suite struct MaskTests {
  static let kinds: [Constraint.Kind] = [
    .jsonObject, .choice(["yes", "no", "nothing", "né"]), .regex("(ab|[0-9]{2,4}|é)*x?"),
    .regex("[^\"]{0,300}!"),
    .regex("(.{3,200}\n){2}"), .grammar("root ::= \"(\" root \")\" root | [a-z]* "),
    .jsonSchema([
      "type": "object", "additionalProperties": ["type": ["string", "integer"]],
      "properties": [
        "name": ["type": "string", "maxLength": 200], "tags": ["type": "array", "items": ["type": "string"]],
        "age": ["type": "integer", "minimum": 3, "maximum": 345], "more": ["type": "number"],
        "kind": ["enum": ["true", true, "ab"]], "next": ["anyOf": [["$ref": "#"], ["type": "null"]]],
      ], "required": ["name", "kind"],
    ]),
    .toolCalls(
      [ConstrainedTool(name: "f", parameters: nil), ConstrainedTool(name: "fg", parameters: [:])],
      allowsSeveral: true),
  ]

  /// Walks at random, and compares the mask with all tokens, or with some.
  private func walk(
    _ kind: Constraint.Kind, _ compiler: ConstraintCompiler, _ tokenizer: Tokenizer, stepCount: Int,
    seed: UInt64,
    checkedShare: Int
  ) throws {
    let constraint = try compiler.compile(kind)
    var generator = SeededGenerator(seed: seed)
    var matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
    for step in 0..<stepCount {
      let allowed = try #require(try matcher.allowedTokens())
      #expect(allowed.allowsEnd == matcher.isComplete)
      var choices: [Int32] = []
      let first = checkedShare == 1 ? 0 : Int32.random(in: 0..<Int32(checkedShare), using: &generator)
      for token in stride(from: first, to: Int32(tokenizer.vocabularySize), by: checkedShare) {
        let isAllowed = matcher.acceptedCount(of: [token]) == 1
        guard allowed.mask.contains(token) == isAllowed else {
          Issue.record(
            "step \(step): \(token) \(Array(tokenizer.bytes(of: token))) is \(isAllowed), the mask says else")
          return
        }
        if isAllowed { choices.append(token) }
      }
      #expect(checkedShare > 1 || allowed.mask.count == choices.count)
      guard let token = choices.randomElement(using: &generator) else {
        if checkedShare == 1 { #expect(matcher.isFinished) }
        matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
        continue
      }
      #expect(matcher.accept(token))
    }
  }

  @Test(arguments: kinds.indices, 0..<4) func masksOfASmallVocabulary(index: Int, seed: Int) throws {
    try walk(
      Self.kinds[index], GrammarFixtures.compiler, GrammarFixtures.tokenizer, stepCount: 120,
      seed: UInt64(seed),
      checkedShare: 1)
  }

  @Test(
    .enabled(if: GrammarFixtures.hasRealTokenizer, "needs ../shared/qwen3-tokenizer"),
    arguments: kinds.indices)
  func masksOfTheRealVocabulary(index: Int) throws {
    let (compiler, tokenizer) = (GrammarFixtures.realCompiler, GrammarFixtures.realTokenizer)
    try walk(Self.kinds[index], compiler, tokenizer, stepCount: 3, seed: 1, checkedShare: 1)
    try walk(Self.kinds[index], compiler, tokenizer, stepCount: 30, seed: 2, checkedShare: 17)
  }

  /// What is remembered makes no difference: a constraint that forgets all the time gives the same masks.
  @Test(arguments: kinds.indices) func forgettingChangesNothing(index: Int) throws {
    let (tokenizer, trie) = (GrammarFixtures.tokenizer, GrammarFixtures.compiler.sharedTrie())
    let grammar = try Self.kinds[index].grammar()
    let constraints = try [GrammarLimits.stateCountMaximum, 90].map {
      try Constraint(grammar, tokenizer: tokenizer, trie: trie, stateCountMaximum: $0)
    }
    var generator = SeededGenerator(seed: 3)
    var matchers: [ConstraintMatcher] = []
    for step in 0..<400 {
      if matchers.isEmpty {
        matchers = constraints.map { ConstraintMatcher($0, prompt: [1], chatFormat: nil) }
      }
      let masks = try matchers.map { try #require(try $0.allowedTokens()).mask }
      let choices = (0..<Int32(tokenizer.vocabularySize)).filter(masks[0].contains)
      #expect(choices == (0..<Int32(tokenizer.vocabularySize)).filter(masks[1].contains), "step \(step)")
      guard let token = choices.randomElement(using: &generator) else {
        matchers = []
        continue
      }
      #expect(matchers.allSatisfy { $0.accept(token) })
    }
  }

  /// What is kept is looked at once, however deep the stacks are: a constraint that forgets all the time takes few steps
  /// more than one that never does.
  @Test func forgettingTakesFewSteps() throws {
    let (tokenizer, trie) = (GrammarFixtures.tokenizer, GrammarFixtures.compiler.sharedTrie())
    let grammar = try Constraint.Kind.grammar("root ::= [a-z] root [a-z] | [a-z]").grammar()
    let counts = try [GrammarLimits.stateCountMaximum, 400].map { stateCountMaximum in
      let constraint = try Constraint(
        grammar, tokenizer: tokenizer, trie: trie, stateCountMaximum: stateCountMaximum)
      let matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
      for _ in 0..<350 {
        _ = try matcher.allowedTokens()
        #expect(matcher.accept(Int32(UInt8(ascii: "a"))))
      }
      return constraint.counts.positions
    }
    #expect(counts[1] < 10 * counts[0], "\(counts)")
  }

  /// Where one repetition stands in another, a state does not have a position for each way to divide the text.
  @Test(arguments: [
    "(?:.?){9996}", "((.{1,90})){100}", "(a?){5000}a{5000}", "([a-c]*){900}", "((a+){2,}){3}b",
  ])
  func nestedCountsTakeLittleWork(_ expression: String) throws {
    let constraint = try ConstraintCompiler(GrammarFixtures.tokenizer).compile(.regex(expression))
    let matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
    for _ in 0..<50 {
      _ = try matcher.allowedTokens()
      #expect(matcher.accept(Int32(UInt8(ascii: "a"))))
    }
    #expect(constraint.counts.positions < 20_000)
  }

  @Test func nestedCountsMeanTheSame() throws {
    for (expression, counts) in [
      ("(a{3}){0,2}", [0, 3, 6]), ("(a{2,3}){1,2}", [2, 3, 4, 5, 6]), ("(a{3,4}){1,2}", [3, 4, 6, 7, 8]),
      ("(a{2,}){0,2}", [0] + Array(2...12)), ("((a?){3})?", [0, 1, 2, 3]), ("(a{0}){5}", [0]),
      ("(a{2}){2,4}", [4, 6, 8]), ("(a{5}){2}", [10]), ("(a+){2}", Array(2...12)), ("(a{2}){0}", [0]),
      ("(a*){0}", [0]), ("(a{2,}){0}", [0]),
    ] {
      let constraint = try GrammarFixtures.compiler.compile(.regex(expression))
      let accepted = (0...12).filter { constraint.accepts(String(repeating: "a", count: $0)) }
      #expect(accepted == counts, "\(expression)")
    }
  }

  /// The masks of an answer take so many steps for each token at most, and a reserve.
  @Test func anAnswerTakesLimitedWork() throws {
    let source = "root ::= x x\nx ::= [a-z ] x [a-z ] | [a-z] | y\ny ::= [a-z] x [ a-z]? | \"a\""
    let constraint = try ConstraintCompiler(GrammarFixtures.tokenizer).compile(.grammar(source))
    let matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
    let before = constraint.counts.positions
    var tokenCount = 0
    let error = #expect(throws: GrammarError.self) {
      while tokenCount < 300 {
        _ = try matcher.allowedTokens()
        tokenCount += 1
        guard matcher.accept(Int32(UInt8(ascii: "a"))) else { return }
      }
    }
    #expect(error?.description.contains("steps for each token of an answer") == true)
    let limit = GrammarLimits.answerWorkReserve + (tokenCount + 5) * GrammarLimits.answerWorkPerToken
    #expect(constraint.counts.positions - before <= limit)
  }

  @Test func everyRandomWalkOfASchemaIsAValueOfIt() throws {
    let tokenizer = GrammarFixtures.tokenizer
    var endedCount = 0
    for seed in 0..<120 as Range<UInt64> {
      var schemas = RandomSchema(seed: seed)
      let schema = schemas.next()
      let constraint = try ConstraintCompiler(tokenizer).compile(.jsonSchema(schema))
      let matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
      var generator = SeededGenerator(seed: seed)
      var text: [UInt8] = []
      while !matcher.isFinished && text.count < 4000 {
        let mask = try #require(try matcher.allowedTokens()).mask
        let choices = (0..<Int32(tokenizer.vocabularySize)).filter(mask.contains)
        let token = try #require(choices.randomElement(using: &generator))
        #expect(matcher.accept(token))
        text += tokenizer.bytes(of: token)
      }
      guard matcher.isFinished else { continue }
      endedCount += 1
      let value = try JSONValue.parse(text)
      #expect(
        SchemaCheck.accepts(schema, value), "\(schema.serialized()) \(String(decoding: text, as: UTF8.self))")
      #expect(constraint.accepts(text))
    }
    #expect(endedCount > 110)
  }
}
