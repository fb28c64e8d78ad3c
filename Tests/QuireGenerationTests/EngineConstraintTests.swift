import QuireCheckpoints
import QuireGeneration
import QuireGrammar
import QuireJSON
import QuireModel
import QuireText
import TestSupport
import Testing

/// Answers are what their constraints allow, whatever the model prefers, and nobody else notices.
@Suite(.serialized) struct EngineConstraintTests {
  private static let compiler = ConstraintCompiler(tinyTokenizer)
  private static let rowWidth = tinyConfiguration.vocabularySize

  private func request(
    _ kind: Constraint.Kind, prompt: [Int32] = [1], seed: UInt64? = nil, maximumTokens: Int = 900
  ) throws -> GenerationRequest {
    var request = GenerationRequest(promptTokens: prompt, maximumTokens: maximumTokens)
    if let seed { request.sampling = SamplingParameters(temperature: 1, seed: seed) }
    request.constraint = try Self.compiler.compile(kind)
    return request
  }

  private static func hashedEngine(
    _ lookup: LookupMode = .off, endShare: Int = 5, slots: Int = 8
  ) throws -> ScriptedEngine {
    try ScriptedEngine(
      EngineOptions(maximumSlots: slots, contextLength: 1024, cacheBlockCount: 400, lookup: lookup),
      script: ScriptedForward.hashed(rowWidth: rowWidth, endShare: endShare))
  }

  @Test(arguments: [LookupMode.off, .eager]) func randomModelsWriteValuesOfTheirSchemas(lookup: LookupMode)
    throws
  {
    var schemas: [JSONValue] = []
    var requests: [GenerationRequest] = []
    for seed in 0..<80 as Range<UInt64> {
      var random = RandomSchema(seed: seed)
      schemas.append(random.next())
      requests.append(
        try request(
          .jsonSchema(schemas[Int(seed)]), prompt: [Int32(seed + 1)], seed: seed % 3 == 0 ? nil : seed))
    }
    let outputs = try Self.hashedEngine(lookup).engine.generate(requests)
    var endedCount = 0
    for (schema, output) in zip(schemas, outputs) where output.result.reason != .length {
      #expect(output.result.reason == .stop)
      endedCount += 1
      let value = try JSONValue.parse(Array(output.content.utf8))
      #expect(SchemaCheck.accepts(schema, value), "\(schema.serialized()) \(output.content)")
    }
    #expect(endedCount >= 60)
  }

  @Test func unconstrainedNeighboursKeepTheirBits() throws {
    let free = (0..<6).map { index in
      GenerationRequest(
        promptTokens: [Int32(100 + index)], sampling: SamplingParameters(temperature: 0.9, topK: 20, seed: 4),
        maximumTokens: 80, logprobCount: 3)
    }
    let kinds: [Constraint.Kind] = [.jsonObject, .regex("[0-9]{40,}"), .choice(["yes", "no"])]
    let bound = try (0..<6).map { try request(kinds[$0 % 3], prompt: [Int32($0 + 1)], seed: 3) }
    let alone = try Self.hashedEngine().engine.generate(free)
    let mixed = try Self.hashedEngine().engine.generate(zip(free, bound).flatMap { [$0, $1] })
    for (index, output) in alone.enumerated() { #expect(mixed[2 * index].tokens == output.tokens) }
  }

  @Test func answersToOneCallAreBoundEachByItself() throws {
    let kind = Constraint.Kind.jsonSchema([
      "properties": ["a": ["type": "string", "maxLength": 12], "b": ["type": "integer"]],
      "required": ["a", "b"],
    ])
    let requests = try (0..<8).map { index in
      var request = try request(kind, seed: UInt64(index))
      request.group = 7
      return request
    }
    let together = try Self.hashedEngine(slots: 3).engine.generate(requests)
    #expect(Set(together.map(\.content)).count > 4)
    for (request, output) in zip(requests, together) {
      #expect(output.result.match == .constraint)
      #expect(request.constraint?.accepts(output.content) == true)
      #expect(try Self.hashedEngine().engine.generate([request])[0].tokenIDs == output.tokenIDs)
    }
  }

  @Test func theEndComesOnlyWhenTheAnswerIsComplete() throws {
    // The model wants to end at once, then to write "a".
    let script: ScriptedForward.Script = { _ in
      var logits = [Float](repeating: 0, count: Self.rowWidth)
      logits[TinyTokenizer.endOfTurn] = 20
      logits[Int(UInt8(ascii: "a"))] = 10
      return logits
    }
    let engine = try ScriptedEngine(script: script).engine
    var open = try request(.regex("[a-c]{3,}"))
    let closed = try request(.regex("[a-c]{3}"))
    let outputs = try engine.generate([open, closed])
    #expect(outputs.map(\.content) == ["aaa", "aaa"])
    #expect(outputs.map(\.result.completionTokens) == [4, 3])
    #expect(outputs[0].result.match == .endOfSequence(Int32(TinyTokenizer.endOfTurn)))
    #expect(outputs[1].result.match == .constraint)
    open.ignoresEndOfSequence = true
    open.maximumTokens = 9
    let endless = try engine.generate([open])[0]
    #expect(endless.content == "aaaaaaaaa" && endless.result.reason == .length)
  }

  @Test func stopStringsAndLimitsStillEndAnswers() throws {
    let script: ScriptedForward.Script = { tokens in
      var logits = [Float](repeating: 0, count: Self.rowWidth)
      logits[Int(UInt8(ascii: "a")) + tokens.count % 3] = 10
      return logits
    }
    var stopped = try request(.regex("[a-c]{3,50}"))
    stopped.stopStrings = ["ca"]
    let cut = try request(.jsonObject, maximumTokens: 3)
    let outputs = try ScriptedEngine(script: script).engine.generate([stopped, cut])
    #expect(outputs[0].result.match == .string("ca"))
    #expect(outputs[1].result.reason == .length && outputs[1].tokens.count == 3)
  }

  @Test func logprobsAreThoseOfTheModel() throws {
    var free = GenerationRequest(promptTokens: [9], maximumTokens: 1, logprobCount: 5)
    let expected = try Self.hashedEngine(endShare: 0).engine.generate([free])[0].tokens[0]
    free.constraint = try Self.compiler.compile(.regex("[0-9]+"))
    let bound = try Self.hashedEngine(endShare: 0).engine.generate([free])[0].tokens[0]
    #expect(bound.top == expected.top)
    #expect((bound.logprob ?? 0) < (expected.logprob ?? 0))
  }

  @Test func aThoughtIsFreeAndTheAnswerIsBound() throws {
    let prompt = try ChatFormat.qwen3.render(
      messages: [ChatMessage(role: .user, content: "hello")], mode: .thinking
    ).tokens(tinyTokenizer)
    let thought = [Int32(TinyTokenizer.thinkStart)] + tinyTokenizer.encode("\nmaybe: [1\n")
    let said = thought + [Int32(TinyTokenizer.thinkEnd)] + tinyTokenizer.encode("\n\nWell, no")
    let engine = try ScriptedEngine(
      script: ScriptedForward.answers([prompt[0]: said], promptCount: prompt.count, rowWidth: Self.rowWidth)
    ).engine
    var request = try request(.choice(["yes", "no"]), prompt: prompt)
    request.chatFormat = .qwen3
    let output = try engine.generate([request])[0]
    #expect(output.reasoning == "maybe: [1")
    #expect(["yes", "no"].contains(output.content))
    #expect(output.tokenIDs.starts(with: said.prefix(thought.count + 2)))
  }

  @Test func aThoughtDoesNotEndAConstrainedAnswer() throws {
    let prompt = try ChatFormat.qwen3.render(
      messages: [ChatMessage(role: .user, content: "hello")], mode: .thinking
    ).tokens(tinyTokenizer)
    let end = try #require(tinyTokenizer.endOfSequenceIDs.first)
    let said = [Int32(TinyTokenizer.thinkStart)] + tinyTokenizer.encode("\nhm") + [end]
    let engine = try ScriptedEngine(
      script: ScriptedForward.answers([prompt[0]: said], promptCount: prompt.count, rowWidth: Self.rowWidth)
    ).engine
    var request = try request(.choice(["yes", "no"]), prompt: prompt)
    request.chatFormat = .qwen3
    let output = try engine.generate([request])[0]
    #expect(output.tokenIDs.starts(with: said.dropLast()) && !output.tokenIDs.starts(with: said))
    #expect(output.result.reason == .length || ["yes", "no"].contains(output.content))
    request.constraint = nil
    #expect(try engine.generate([request])[0].tokenIDs == said)
  }

  @Test func anotherTokenizersConstraintIsRefused() throws {
    var request = GenerationRequest(promptTokens: [1])
    request.constraint = try ConstraintCompiler(.bytes()).compile(.jsonObject)
    #expect(throws: GenerationError.self) { try Self.hashedEngine().engine.generate([request]) }
  }

  // MARK: The demo model

  /// A trained model with and without drafts: the same answers, valid ones, and accepted drafts.
  @Test func theDemoModelAnswersTheSameWithDrafts() throws {
    let folder = TestPaths.repository + "/recipes/demo/checkpoint"
    let model = try Model(checkpoint: Checkpoint(path: folder))
    let tokenizer = try Tokenizer(folder: folder)
    let compiler = ConstraintCompiler(tokenizer)
    let kinds: [Constraint.Kind] = [
      .jsonSchema([
        "type": "object",
        "properties": ["words": ["type": "array", "items": ["type": "string", "maxLength": 20]]],
        "required": ["words"],
      ]),
      .regex("(red|green|blue)( (red|green|blue)){8,20}"), .grammar("root ::= [0-9]+ (\"+\" [0-9]+)*"),
    ]
    var requests: [GenerationRequest] = []
    for (index, text) in [
      "red green blue red green blue red green", "What is 347+285?", "words: \"a\", \"b\", \"a\"",
    ].enumerated() {
      for kind in kinds {
        var request = GenerationRequest(
          promptTokens: tokenizer.encode(text), maximumTokens: 60, logprobCount: 1)
        if index == 1 { request.sampling = SamplingParameters(temperature: 0.7, topP: 0.9, seed: 5) }
        request.constraint = try compiler.compile(kind)
        requests.append(request)
      }
    }
    func answers(_ lookup: LookupMode) throws -> ([GenerationOutput], EngineMetrics) {
      let engine = try Engine(
        model: model, tokenizer: tokenizer,
        options: EngineOptions(threadCount: 1, maximumSlots: 4, contextLength: 256, lookup: lookup))
      return (try engine.generate(requests), engine.metrics)
    }
    let plain = try answers(.off).0
    let (drafted, metrics) = try answers(.eager)
    #expect(plain.map(\.tokens) == drafted.map(\.tokens))
    #expect(metrics.acceptedDraftCount > 10)
    for (request, output) in zip(requests, plain) where output.result.reason == .stop {
      #expect(request.constraint?.accepts(output.content) == true)
    }
  }
}
