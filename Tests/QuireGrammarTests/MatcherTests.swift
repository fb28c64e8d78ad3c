import QuireGrammar
import QuireJSON
import QuireText
import TestSupport
import Testing

/// Where the constraint begins, tags, and what is kept from one request to the next.
@Suite struct MatcherTests {
  private let tokenizer = GrammarFixtures.tokenizer
  private let think = Int32(TinyTokenizer.thinkStart)
  private let endOfThink = Int32(TinyTokenizer.thinkEnd)

  private func ids(_ text: String) -> [Int32] { Array(text.utf8).map { Int32($0) } }

  private func matcher(_ kind: Constraint.Kind, mode: ThinkingMode?) throws -> ConstraintMatcher {
    let prompt = try mode.map { mode in
      try ChatFormat.qwen3.render(messages: [ChatMessage(role: .user, content: "hello")], mode: mode)
        .tokens(tokenizer)
    }
    return ConstraintMatcher(
      try GrammarFixtures.compiler.compile(kind), prompt: prompt ?? [72],
      chatFormat: mode == nil ? nil : .qwen3)
  }

  private func acceptAll(_ tokens: [Int32], _ matcher: ConstraintMatcher) {
    for token in tokens { #expect(matcher.accept(token)) }
  }

  @Test(arguments: [ThinkingMode.nonThinking, nil]) func withoutAThoughtTheFirstTokenIsBound(
    mode: ThinkingMode?
  ) throws {
    let matcher = try matcher(.choice(["yes", "no"]), mode: mode)
    let allowed = try #require(try matcher.allowedTokens())
    #expect(allowed.mask.count == 2 && allowed.extraToken == nil && !allowed.allowsEnd)
    #expect(!matcher.accept(think) && !matcher.accept(Int32(TinyTokenizer.endOfTurn)) && !matcher.accept(65))
    acceptAll(ids("yes"), matcher)
    #expect(matcher.isFinished && matcher.isComplete)
    #expect(try #require(try matcher.allowedTokens()).mask.isEmpty)
  }

  @Test func aThoughtIsFree() throws {
    let matcher = try matcher(.choice(["yes", "no"]), mode: .thinking)
    let first = try #require(try matcher.allowedTokens())
    #expect(first.extraToken == think && first.mask.count == 2)
    #expect(!matcher.accept(65))
    #expect(matcher.accept(think))
    #expect(try matcher.allowedTokens() == nil)
    acceptAll(ids("\nHm. <think> </thi") + [think, Int32(TinyTokenizer.startOfTurn)] + ids("no\n"), matcher)
    #expect(!matcher.isComplete && !matcher.isFinished)
    #expect(matcher.accept(endOfThink))
    #expect(!matcher.isComplete)
    let answer = try #require(try matcher.allowedTokens())
    // One or two line feeds, "y" or "n".
    #expect(
      answer.mask.contains(10) && answer.mask.contains(Int32(UInt8(ascii: "y"))) && !answer.mask.contains(65))
    #expect(answer.mask.contains(Int32(try #require(TinyTokenizer.id(of: "\n\n")))))
    acceptAll(ids("\n\n"), matcher)
    #expect(!matcher.accept(10))
    acceptAll(ids("no"), matcher)
    #expect(matcher.isFinished)
  }

  @Test func anAnswerMayBeginWithoutAThought() throws {
    let matcher = try matcher(.choice(["yes"]), mode: .thinking)
    acceptAll(ids("y"), matcher)
    #expect(!matcher.accept(think))
    acceptAll(ids("es"), matcher)
    #expect(matcher.isFinished)
  }

  @Test func aTagThatIsSpelledOutEndsTheThought() throws {
    let matcher = try matcher(.choice(["\"}"]), mode: .thinking)
    #expect(matcher.accept(think))
    acceptAll(ids("so </think"), matcher)
    // No token of the vocabulary goes further than the tag.
    let allowed = try matcher.allowedTokens()
    #expect(allowed?.mask.contains(65) ?? true)
    acceptAll(ids(">"), matcher)
    #expect(try #require(try matcher.allowedTokens()).mask.contains(Int32(UInt8(ascii: "\""))))
    #expect(!matcher.accept(65))
  }

  @Test func aTokenBeyondASpelledTagIsHeldToTheAnswer() throws {
    let folder = TemporaryFolder()
    TinyTokenizer.write(to: folder, extraTokens: [">A", ">\nB", "k>"])
    let tokenizer = try Tokenizer(folder: folder.path)
    func id(_ text: String) -> Int32 {
      (0..<Int32(tokenizer.vocabularySize)).first { Array(tokenizer.bytes(of: $0)) == Array(text.utf8) } ?? -1
    }
    let constraint = try ConstraintCompiler(tokenizer).compile(.choice(["B"]))
    let prompt = [Int32(TinyTokenizer.startOfTurn)] + tokenizer.encode("assistant\n") + [think]
    let matcher = ConstraintMatcher(constraint, prompt: prompt, chatFormat: .qwen3)
    #expect(try matcher.allowedTokens() == nil)
    acceptAll(ids("</think"), matcher)
    let allowed = try #require(try matcher.allowedTokens())
    #expect(
      !allowed.mask.contains(id(">A")) && allowed.mask.contains(id(">\nB")) && allowed.mask.contains(id("k>"))
    )
    #expect(!matcher.accept(id(">A")))
    #expect(matcher.accept(id(">\nB")))
    #expect(matcher.isFinished)
  }

  @Test func toolCallsUseTheirTags() throws {
    let tool = ConstrainedTool(
      name: "add", parameters: ["properties": ["a": ["type": "integer"]], "required": ["a"]])
    for several in [false, true] {
      let matcher = try matcher(.toolCalls([tool], allowsSeveral: several), mode: .nonThinking)
      let start = Int32(try #require(TinyTokenizer.id(of: "<tool_call>")))
      let end = Int32(try #require(TinyTokenizer.id(of: "</tool_call>")))
      let allowed = try #require(try matcher.allowedTokens())
      #expect(allowed.mask.count == 1 && allowed.mask.contains(start))
      acceptAll([start] + ids("\n{\"name\": \"add\", \"arguments\": {\"a\": 12}}\n") + [end], matcher)
      #expect(matcher.isComplete && matcher.isFinished == !several)
      #expect(
        matcher.acceptedCount(of: ids("\n") + [start] + ids("\n{\"name\": \"sub")) == (several ? 13 : 0))
    }
  }

  @Test func aFunctionWithoutParametersHasNone() throws {
    let tool = ConstrainedTool(name: "now", parameters: nil)
    let matcher = try matcher(.toolCalls([tool], allowsSeveral: false), mode: .nonThinking)
    let start = Int32(try #require(TinyTokenizer.id(of: "<tool_call>")))
    let head = [start] + ids("\n{\"name\": \"now\", \"arguments\": {")
    #expect(matcher.acceptedCount(of: head + ids("\"")) == head.count)
    #expect(matcher.acceptedCount(of: head + ids("}}")) == head.count + ids("}}").count)
  }

  @Test func callsMayFollowText() throws {
    let tool = ConstrainedTool(name: "add", parameters: ["properties": ["a": ["type": "integer"]]])
    let kind = Constraint.Kind.textAndToolCalls([tool], allowsSeveral: false)
    for text in ["", "any text\n", "<tool_call> as plain text {\"é"] {
      #expect(try GrammarFixtures.compiler.compile(kind).accepts(text))
    }
    let start = Int32(try #require(TinyTokenizer.id(of: "<tool_call>")))
    let end = Int32(try #require(TinyTokenizer.id(of: "</tool_call>")))
    let matcher = try matcher(kind, mode: .nonThinking)
    acceptAll(ids("I will.") + [start], matcher)
    let wrong = ids("\n{\"name\": \"add\", \"arguments\": {\"b")
    #expect(matcher.acceptedCount(of: wrong) < wrong.count)
    acceptAll(ids("\n{\"name\": \"add\", \"arguments\": {\"a\": 12}}\n") + [end], matcher)
    #expect(matcher.isFinished)
  }

  @Test func answersMayBeCallsOrJSON() throws {
    let tool = ConstrainedTool(name: "add", parameters: ["properties": ["a": ["type": "integer"]]])
    let kind = Constraint.Kind.toolCallsOrJSON([tool], allowsSeveral: false, schema: ["enum": [[1], "x"]])
    #expect(try GrammarFixtures.compiler.compile(kind).accepts("[1]"))
    #expect(try !GrammarFixtures.compiler.compile(kind).accepts("[2]"))
    let start = Int32(try #require(TinyTokenizer.id(of: "<tool_call>")))
    let end = Int32(try #require(TinyTokenizer.id(of: "</tool_call>")))
    let matcher = try matcher(kind, mode: .nonThinking)
    acceptAll([start] + ids("\n{\"name\": \"add\", \"arguments\": {\"a\": 12}}\n") + [end], matcher)
    #expect(matcher.isFinished)
  }

  @Test func constraintsAreCompiledOnce() throws {
    let compiler = ConstraintCompiler(tokenizer, capacity: 2)
    let first = try compiler.compile(.regex("a"))
    #expect(try compiler.compile(.regex("a")) == first)
    #expect(try compiler.compile(.choice(["a"])) != first)
    #expect(compiler.compilationCount == 2)
    _ = try compiler.compile(.regex("a"))
    _ = try compiler.compile(.jsonObject)  // the choice is discarded
    #expect(try compiler.compile(.regex("a")) == first)
    #expect(compiler.compilationCount == 3)
    _ = try compiler.compile(.choice(["a"]))
    #expect(compiler.compilationCount == 4)
  }

  private static let composed = "caf\u{E9}"
  private static let decomposed = "cafe\u{301}"

  /// A constraint on a text, and what the answer is then.
  private struct Worded: Sendable {
    let kind: @Sendable (String) -> Constraint.Kind
    var answer: @Sendable (String) -> String = { "\"\($0)\"" }
  }

  private static let worded = [
    Worded(kind: { .choice([$0]) }, answer: { $0 }), Worded(kind: { .regex($0) }, answer: { $0 }),
    Worded(kind: { .grammar("root ::= \"\($0)\"") }, answer: { $0 }),
    Worded(kind: { .jsonSchema(["const": .string($0)]) }),
    Worded(kind: { .jsonSchema(["pattern": .string("^\($0)$")]) }),
    Worded(
      kind: { name in
        let member = JSONObject.Member(key: name, value: ["type": "null"])
        let properties = JSONValue.object(JSONObject(uniqueMembers: [member]))
        return .jsonSchema(["properties": properties, "required": [.string(name)]])
      }, answer: { "{\"\($0)\":null}" }),
  ]

  /// Texts are compared by their bytes: no request gets the constraint of another one.
  @Test(arguments: worded.indices) func equivalentTextsAreDifferentConstraints(index: Int) throws {
    let (kind, answer) = (Self.worded[index].kind, Self.worded[index].answer)
    let compiler = ConstraintCompiler(tokenizer)
    let texts = [Self.composed, Self.decomposed]
    let constraints = try texts.map { try compiler.compile(kind($0)) }
    for own in texts.indices {
      for other in texts.indices { #expect(constraints[own].accepts(answer(texts[other])) == (own == other)) }
    }
  }

  @Test func equivalentTextsOfOneSchemaAreDifferent() throws {
    let patterns = try GrammarFixtures.schema(
      #"{"prefixItems":[{"pattern":"^\u212b$"},{"pattern":"^\u00c5$"}],"minItems":2}"#)
    #expect(patterns.accepts("[\"\u{212B}\",\"\u{C5}\"]") && !patterns.accepts("[\"\u{212B}\",\"\u{212B}\"]"))
    let references = try GrammarFixtures.schema(
      ##"""
      {"$defs":{"\u212b":{"const":1},"\u00c5":{"const":2}},"prefixItems":[{"$ref":"#/$defs/\u212b"},
      {"$ref":"#/$defs/\u00c5"}],"minItems":2}
      """##)
    #expect(references.accepts("[1,2]") && !references.accepts("[1,1]"))
  }

  @Test func constraintsAreKeptByTheirBytes() throws {
    let large = Constraint.Kind.regex("(a|b){3000}")
    for (byteLimit, compilationCount) in [(GrammarLimits.cacheBytesMaximum, 2), (1 << 16, 3)] {
      let compiler = ConstraintCompiler(tokenizer, byteLimit: byteLimit)
      #expect(try compiler.compile(large).byteCount > 1 << 16)
      _ = try compiler.compile(.regex("c"))
      _ = try compiler.compile(large)
      #expect(compiler.compilationCount == compilationCount)
    }
  }

  /// What a constraint has remembered since it was compiled counts, too.
  @Test func rememberedMasksCountAsBytes() throws {
    let constraint = try ConstraintCompiler(tokenizer).compile(.regex("[ab]{3}[cd]{3}"))
    let byteCount = constraint.byteCount
    let matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
    for token in ids("abaccc") {
      _ = try matcher.allowedTokens()
      acceptAll([token], matcher)
    }
    #expect(constraint.byteCount > byteCount)
  }

  @Test func tagsNeedATokenizerThatHasThem() {
    #expect(throws: GrammarError.self) {
      try ConstraintCompiler(.bytes()).compile(
        .toolCalls([ConstrainedTool(name: "f", parameters: nil)], allowsSeveral: false))
    }
  }

  /// Several answers that have come to the same state take the steps of one.
  @Test func masksOfEqualStatesAreFoundOnce() throws {
    let constraint = try ConstraintCompiler(tokenizer).compile(.regex("([a-z ]{0,20}.?){20}"))
    let matchers = (0..<8).map { _ in ConstraintMatcher(constraint, prompt: [1], chatFormat: nil) }
    for token in ids("a text of them all") {
      _ = try matchers[0].allowedTokens()
      let before = constraint.counts
      for matcher in matchers.dropFirst() { _ = try matcher.allowedTokens() }
      let tookNothing = constraint.counts == before
      #expect(tookNothing)
      for matcher in matchers { acceptAll([token], matcher) }
    }
  }

  /// The inside of a string is walked once for all strings of a schema.
  @Test func masksAreShared() throws {
    var properties = JSONObject()
    for index in 0..<30 { properties["p\(index)"] = ["type": "string"] }
    let constraint = try ConstraintCompiler(tokenizer).compile(
      .jsonSchema([
        "properties": .object(properties), "required": .array(properties.keys.map(JSONValue.string)),
      ]))
    let matcher = ConstraintMatcher(constraint, prompt: [1], chatFormat: nil)
    acceptAll(ids("{"), matcher)
    var walkCounts: [Int] = []
    for index in 0..<29 {
      acceptAll(ids("\"p\(index)\":\"abc"), matcher)
      _ = try matcher.allowedTokens()
      walkCounts.append(constraint.counts.localWalks)
      acceptAll(ids("\","), matcher)
    }
    #expect(Set(walkCounts).count == 1)
  }
}
