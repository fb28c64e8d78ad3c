import QuireGeneration
import QuireGrammar
import QuireModel
import QuireText
import TestSupport
import Testing

/// Thoughts end in time, with tokens that the engine writes, and answers follow.
@Suite struct ThinkingLimitTests {
  private static let rowWidth = tinyConfiguration.vocabularySize
  private static let thinkStart = Int32(TinyTokenizer.thinkStart)
  private static let thinkEnd = Int32(TinyTokenizer.thinkEnd)
  private static let endOfTurn = Int32(TinyTokenizer.endOfTurn)
  private static let lineFeeds = tinyTokenizer.encode("\n\n")
  /// Its tokens: two line feeds, three letters, a line feed, the tag, two line feeds.
  private static let closing = ThoughtClosing(.qwen3, sentence: "so:", tokenizer: tinyTokenizer)

  /// Opens a thought that repeats some tokens for ever; after its end the model says "ok".
  private static func thinking(_ thought: [Int32]) -> ScriptedForward.Script {
    { tokens in
      let next: Int32
      if let end = tokens.lastIndex(of: thinkEnd) {
        let said = tokens.count - end - 1
        next = (lineFeeds + tinyTokenizer.encode("ok") + [endOfTurn, endOfTurn])[min(said, 3)]
      } else if let start = tokens.lastIndex(of: thinkStart) {
        next = thought[(tokens.count - start - 1) % thought.count]
      } else {
        next = thinkStart
      }
      var logits = [Float](repeating: 0, count: rowWidth)
      logits[Int(next)] = 10
      return logits
    }
  }

  private static func engine(_ thought: String = "a", _ options: EngineOptions? = nil) throws
    -> ScriptedEngine
  {
    try ScriptedEngine(
      options ?? EngineOptions(contextLength: 1024, cacheBlockCount: 64),
      script: thinking(tinyTokenizer.encode(thought)))
  }

  private static func request(
    budget: Int? = nil, reserve: Int = 0, maximumTokens: Int = 256
  ) -> GenerationRequest {
    var request = GenerationRequest(
      promptTokens: [1], maximumTokens: maximumTokens, chatFormat: .qwen3, logprobCount: nil)
    request.thinking = ThinkingLimit(budget: budget, answerReserve: reserve, closing: closing)
    return request
  }

  private static let answer = tinyTokenizer.encode("ok") + [endOfTurn]

  // MARK: Budgets

  @Test(arguments: [1, 2, 7, 40]) func aThoughtEndsAtItsBudget(budget: Int) throws {
    let scripted = try Self.engine()
    let output = try scripted.engine.generate([Self.request(budget: budget)])[0]
    let thought = [Int32](repeating: Int32(UInt8(ascii: "a")), count: budget)
    #expect(output.tokenIDs == [Self.thinkStart] + thought + Self.closing.tokens + Self.answer)
    #expect(output.reasoning == String(repeating: "a", count: budget) + "\n\nso:")
    #expect(output.content == "ok" && output.result.match == .endOfSequence(Self.endOfTurn))
    // The tags belong to the thought, the line feeds after it do not.
    #expect(output.result.reasoningTokens == 1 + budget + Self.closing.tokens.count - 1)
    #expect(output.result.completionTokens == output.tokens.count)
    // Forced tokens are computed together: all of them in the step after the last token of the thought.
    #expect(scripted.forward.batches.count == 1 + budget + 1 + 2)
  }

  @Test func forcedTokensHaveTheModelsOwnProbabilities() throws {
    var request = Self.request(budget: 3)
    request.logprobCount = 1
    let output = try Self.engine().engine.generate([request])[0]
    let plain = try Self.engine().engine.generate([Self.request(budget: 3)])[0]
    #expect(output.tokenIDs == plain.tokenIDs)
    let forced = output.tokens[4..<4 + Self.closing.tokens.count]
    #expect(forced.map(\.id) == Self.closing.tokens)
    #expect(forced.first?.top.first?.id == Int32(UInt8(ascii: "a")))
    #expect(forced.prefix(6).allSatisfy { ($0.logprob ?? 0) < -9 })
    #expect(forced.dropLast().allSatisfy(\.isReasoning) && forced.last?.isReasoning == false)
  }

  @Test func withoutTextOnlyTheTagsAreWritten() throws {
    // The block of the non-thinking mode.
    let none = try Self.engine().engine.generate([Self.request(budget: 0)])[0]
    #expect(
      none.tokenIDs == [Self.thinkStart] + Self.lineFeeds + [Self.thinkEnd] + Self.lineFeeds + Self.answer)
    #expect(none.reasoning.isEmpty && none.content == "ok")
    // The model has already written line feeds.
    let some = try Self.engine("\n\na").engine.generate([Self.request(budget: 1)])[0]
    #expect(some.tokenIDs == none.tokenIDs)
  }

  @Test func aCharacterIsCompletedFirst() throws {
    let euro = Array("€".utf8).map(Int32.init)
    for (budget, count) in [(3, 3), (4, 6), (5, 6), (6, 6)] {
      let output = try Self.engine("€").engine.generate([Self.request(budget: budget)])[0]
      #expect(Array(output.tokenIDs[1...count]) == Array((euro + euro).prefix(count)))
      #expect(output.tokenIDs.dropFirst(1 + count).starts(with: Self.closing.tokens))
      #expect(output.reasoning == String(repeating: "€", count: count / 3) + "\n\nso:")
    }
    // A character that is never complete delays the end by three tokens.
    let scripted = try ScriptedEngine(script: Self.thinking([0xE2]))
    let broken = try scripted.engine.generate([Self.request(budget: 2)])[0]
    #expect(Array(broken.tokenIDs[1...5]) == [Int32](repeating: 0xE2, count: 5))
    #expect(broken.tokenIDs.dropFirst(6).starts(with: Self.closing.tokens) && broken.content == "ok")
  }

  @Test func aThoughtThatEndsItselfIsLeftAlone() throws {
    let tag = tinyTokenizer.encode("</think>", addedTokens: .plainText)
    #expect(tag.count > 2)
    let said = [Self.thinkStart] + tinyTokenizer.encode("ab") + tag + tinyTokenizer.encode("\n\nyes")
    let script = ScriptedForward.answers([1: said], promptCount: 1, rowWidth: Self.rowWidth)
    for budget in [2 + tag.count, 100] {
      let output = try ScriptedEngine(script: script).engine.generate([Self.request(budget: budget)])[0]
      #expect(output.tokenIDs.starts(with: said) && output.content == "yes" && output.reasoning == "ab")
    }
    // Part of the tag is part of the thought that is closed.
    let cut = try ScriptedEngine(script: script).engine.generate([Self.request(budget: 4)])[0]
    #expect(cut.tokenIDs.dropFirst(5).starts(with: Self.closing.tokens))
    #expect(cut.reasoning.hasPrefix("ab</") && cut.reasoning.hasSuffix("\n\nso:"))
  }

  @Test func aThoughtThatThePromptOpenedIsClosed() throws {
    var request = Self.request(budget: 0)
    request.promptTokens = [1, Self.thinkStart, 65]
    let output = try Self.engine().engine.generate([request])[0]
    #expect(output.tokenIDs == Self.closing.tokens + Self.answer)
    #expect(output.reasoning == "so:" && output.content == "ok")
  }

  @Test func theLimitMayEndTheAnswerInTheThought() throws {
    for (budget, limit) in [(nil, 20), (10, 14), (50, 20)] as [(Int?, Int)] {
      let output = try Self.engine().engine.generate([
        Self.request(budget: budget, maximumTokens: limit)
      ])[0]
      #expect(output.result.reason == .length && output.tokens.count == limit)
      #expect(output.content.isEmpty && output.result.reasoningTokens == limit)
    }
  }

  @Test func stopStringsAreNotSearchedInTheClosing() throws {
    var request = Self.request(budget: 5)
    request.stopStrings = ["so:", "k"]
    let output = try Self.engine().engine.generate([request])[0]
    #expect(output.content == "o" && output.result.match == .string("k"))
  }

  // MARK: The reserve

  @Test func tokensAreKeptForTheAnswer() throws {
    // A quarter of 40 is kept; the closing has 7 tokens, and 3 more may be needed for a character.
    #expect(Self.closing.tokens.count == 7)
    let output = try Self.engine().engine.generate([Self.request(reserve: 256, maximumTokens: 40)])[0]
    #expect(output.content == "ok" && output.result.reason == .stop)
    #expect(output.tokenIDs[20...].starts(with: Self.closing.tokens))
    #expect(output.tokenIDs[..<20].count { $0 == Int32(UInt8(ascii: "a")) } == 19)
    // A budget that is used up earlier comes first.
    let both = try Self.engine().engine.generate([
      Self.request(budget: 4, reserve: 256, maximumTokens: 40)
    ])[0]
    #expect(both.tokenIDs[5...].starts(with: Self.closing.tokens))
    // A small reserve leaves more for the thought, and a short limit all of it.
    let small = try Self.engine().engine.generate([Self.request(reserve: 2, maximumTokens: 40)])[0]
    #expect(small.tokenIDs[28...].starts(with: Self.closing.tokens))
    let short = try Self.engine().engine.generate([Self.request(reserve: 256, maximumTokens: 30)])[0]
    #expect(short.result.reason == .length && short.content.isEmpty)
  }

  @Test func theContextIsALimitToo() throws {
    let options = EngineOptions(contextLength: 64, cacheBlockCount: 2)
    let output = try Self.engine("a", options).engine.generate([
      Self.request(reserve: 8, maximumTokens: .max)
    ])[0]
    #expect(output.content == "ok" && output.result.reason == .stop)
    #expect(output.tokens.count == 63 - 7 - 8 - 3 + 7 + 3)
  }

  // MARK: Together with everything else

  @Test func theAnswerAfterAClosedThoughtIsBound() throws {
    let compiler = ConstraintCompiler(tinyTokenizer)
    let prompt = try ChatFormat.qwen3.render(
      messages: [ChatMessage(role: .user, content: "hello")], mode: .thinking
    ).tokens(tinyTokenizer)
    for budget in [0, 1, 9] {
      var request = Self.request(budget: budget)
      request.promptTokens = prompt
      request.constraint = try compiler.compile(.choice(["yes", "no"]))
      let output = try Self.engine().engine.generate([request])[0]
      #expect(["yes", "no"].contains(output.content), "\(output.content)")
      #expect(output.result.match == .constraint)
      #expect(output.reasoning == (budget == 0 ? "" : String(repeating: "a", count: budget) + "\n\nso:"))
    }
  }

  /// Random models: the answer depends neither on drafts, other requests, lost slots, the prefix cache nor on whether
  /// log-probabilities are wanted.
  @Test func answersAreTheSameHoweverTheyAreComputed() throws {
    var requests: [GenerationRequest] = []
    for index in 0..<12 as Range<Int32> {
      var request = Self.request(budget: Int(index) * 5, reserve: 20, maximumTokens: 120)
      request.promptTokens = [Int32](repeating: 7, count: 70) + [100 + index, Self.thinkStart]
      request.sampling = SamplingParameters(
        temperature: 0.8, topK: 30, presencePenalty: 0.5, repetitionPenalty: 1.2, seed: UInt64(index))
      request.ignoresEndOfSequence = index % 2 == 0
      requests.append(request)
    }
    func answers(_ options: EngineOptions, logprobs: Bool = false) throws -> [[Int32]] {
      let scripted = try ScriptedEngine(
        options, script: ScriptedForward.hashed(rowWidth: Self.rowWidth, endShare: 60))
      let asked = requests.map { request in
        var request = request
        if logprobs { request.logprobCount = 2 }
        return request
      }
      return try scripted.engine.generate(asked).map(\.tokenIDs)
    }
    let alone = try answers(EngineOptions(maximumSlots: 1, contextLength: 256, cacheBlockCount: 8))
    for lookup in [LookupMode.off, .adaptive, .eager] {
      for keepsPrefixes in [false, true] {
        // 14 blocks for 8 slots: requests lose their slots.
        let options = EngineOptions(
          maximumSlots: 8, tokenBudget: 64, contextLength: 256, cacheBlockCount: 14, lookup: lookup,
          keepsPrefixes: keepsPrefixes)
        #expect(try answers(options) == alone)
      }
    }
    #expect(
      try answers(EngineOptions(maximumSlots: 8, contextLength: 256, cacheBlockCount: 64), logprobs: true)
        == alone)
    var closedCount = 0
    for (index, tokens) in alone.enumerated() {
      guard let end = tokens.firstRange(of: Self.closing.tokens)?.lowerBound else { continue }
      #expect(end <= index * 5 + 3)
      closedCount += 1
    }
    #expect(closedCount >= 6)
  }

  @Test func withoutALimitNothingChanges() throws {
    let script = ScriptedForward.hashed(rowWidth: Self.rowWidth, endShare: 50)
    var free = Self.request(maximumTokens: 90)
    free.promptTokens = [5, Self.thinkStart]
    let limited = try ScriptedEngine(script: script).engine.generate([free])[0]
    free.thinking = nil
    #expect(try ScriptedEngine(script: script).engine.generate([free])[0].tokens == limited.tokens)
  }

  @Test func qwensOwnClosing() throws {
    guard let folder = TestPaths.shared("qwen3-tokenizer") else { return }
    let tokenizer = try Tokenizer(folder: folder)
    #expect(
      ThoughtClosing(.qwen3, tokenizer: tokenizer).tokens == [
        271, 82796, 279, 7199, 882, 553, 279, 1196, 11, 358, 614, 311, 2968, 279, 6291, 3118, 389, 279, 7274,
        5961, 1431, 624, 151668, 271,
      ])
    #expect(ThoughtClosing(.qwen3, sentence: "", tokenizer: tokenizer).tokens == [198, 151_668, 271])
  }

  @Test func aSentenceHasNoTagOfTheFormat() {
    let tags = ChatFormat.qwen3.answer.reasoning
    #expect(ThoughtClosing.tag(in: "Enough.", of: tags) == nil)
    #expect(ThoughtClosing.tag(in: "so </think>", of: tags) == "</think>")
    let others = ReasoningTags(start: "[THINK]", end: "[/THINK]")
    #expect(ThoughtClosing.tag(in: "so </think>", of: others) == nil)
    #expect(ThoughtClosing.tag(in: "[THINK]", of: others) == "[THINK]")
    #expect(ThoughtClosing.tag(in: "</think>", of: nil) == nil)
  }

  @Test func limitsOutOfRangeAreRefused() throws {
    for (budget, reserve) in [(-1, 0), (0, -1)] {
      #expect(throws: GenerationError.self) {
        try Self.engine().engine.generate([Self.request(budget: budget, reserve: reserve)])
      }
    }
  }
}
