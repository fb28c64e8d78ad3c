import QuireGeneration
import QuireGrammar
import QuireJSON
import QuireModel
import QuireText
import TestSupport
import Testing

/// Fields of a request that say which tokens may come, and which text and numbers belong to them.
@Suite struct TokenRulesTests {
  private static let rowWidth = tinyConfiguration.vocabularySize
  private static let endOfTurn = Int32(TinyTokenizer.endOfTurn)

  private static func id(_ letter: Unicode.Scalar) -> Int32 { Int32(UInt8(ascii: letter)) }

  /// A model that always prefers the same tokens, the first most.
  private static func preferring(_ tokens: [Int32]) throws -> ScriptedEngine {
    try ScriptedEngine { _ in
      var logits = [Float](repeating: 0, count: rowWidth)
      for (index, token) in tokens.enumerated() { logits[Int(token)] = Float(30 - index) }
      return logits
    }
  }

  // MARK: Ids without a token

  @Test func unusedIDsNeverCome() throws {
    var file = try #require(tinyTokenizer.sourceJSON.objectValue)
    var model = try #require(file["model"]?.objectValue)
    var vocabulary = try #require(model["vocab"]?.objectValue)
    // "he" gets a larger id, so that its old one is unused; the added tokens are listed, which keeps their ids.
    let unused = try #require(vocabulary["he"]?.intValue)
    vocabulary["he"] = .int(tinyTokenizer.vocabularySize)
    for token in file["added_tokens"]?.arrayValue ?? [] {
      vocabulary[token["content"]?.stringValue ?? ""] = token["id"]
    }
    model["vocab"] = .object(vocabulary)
    file["model"] = .object(model)
    let tokenizer = try Tokenizer(tokenizer: .object(file))
    #expect(!tokenizer.isUsed(Int32(unused)))
    let scripted = try ScriptedEngine(tokenizer: tokenizer) { _ in
      var logits = [Float](repeating: 0, count: Self.rowWidth)
      logits[unused] = 30
      logits[Int(Self.id("a"))] = 29
      return logits
    }
    for temperature in [0, 1] as [Float] {
      let output = try scripted.answer {
        $0.maximumTokens = 5
        $0.sampling.temperature = temperature
      }
      #expect(output.content == "aaaaa" && !output.tokenIDs.contains(Int32(unused)))
    }
    let allowed = try scripted.answer {
      $0.maximumTokens = 2
      $0.allowedTokenIDs = [Int32(unused), Self.id("b")]
    }
    #expect(allowed.content == "bb")
  }

  // MARK: The least number of tokens

  @Test func theEndWaitsForTheLeastNumberOfTokens() throws {
    for (count, text) in [(0, ""), (1, "a"), (5, "aaaaa")] {
      let output = try Self.preferring([Self.endOfTurn, Self.id("a")]).answer { $0.minimumTokens = count }
      #expect(output.content == text && output.tokens.count == count + 1)
      #expect(output.result.match == .endOfSequence(Self.endOfTurn))
    }
    let stopped = try Self.preferring([Self.id("b"), Self.id("a")]).answer {
      $0.minimumTokens = 3
      $0.stopTokenIDs = [Self.id("b")]
    }
    #expect(stopped.content == "aaa" && stopped.result.match == .token(Self.id("b")))
  }

  @Test func stopStringsWaitToo() throws {
    let output = try ScriptedEngine.answering("abcabcabc").answer {
      $0.minimumTokens = 4
      $0.stopStrings = ["bc"]
    }
    #expect(output.content == "abca" && output.result.match == .string("bc"))
  }

  @Test func aCompleteConstraintEndsEarlier() throws {
    let compiler = ConstraintCompiler(tinyTokenizer)
    for (expression, text) in [("a{3}", "aaa"), ("a{3,}", "aaaaaa"), ("a|b", "a")] {
      let constraint = try compiler.compile(.regex(expression))
      let output = try Self.preferring([Self.endOfTurn, Self.id("a")]).answer {
        $0.minimumTokens = 6
        $0.constraint = constraint
      }
      #expect(output.content == text && output.result.reason == .stop)
    }
  }

  // MARK: Allowed and forbidden tokens

  @Test func onlyAllowedTokensCome() throws {
    let scripted = try Self.preferring([Self.endOfTurn, Self.id("a"), Self.id("c"), Self.id("b")])
    let output = try scripted.answer {
      $0.allowedTokenIDs = [Self.id("b"), Self.id("c"), Self.id("c")]
      $0.maximumTokens = 4
    }
    #expect(output.content == "cccc" && output.result.reason == .length)
    let ended = try scripted.answer {
      $0.allowedTokenIDs = [Self.id("b"), Self.endOfTurn]
      $0.minimumTokens = 2
    }
    #expect(ended.content == "bb" && ended.result.match == .endOfSequence(Self.endOfTurn))
    // Nothing but an end could come.
    let onlyEnd = try scripted.answer {
      $0.allowedTokenIDs = [Self.endOfTurn]
      $0.minimumTokens = 2
    }
    #expect(onlyEnd.tokenIDs == [Self.endOfTurn])
  }

  @Test func aConstraintAndAllowedTokensHoldTogether() throws {
    let constraint = try ConstraintCompiler(tinyTokenizer).compile(.regex("[a-c]{3}"))
    let scripted = try Self.preferring([Self.id("x"), Self.id("a"), Self.id("b")])
    let output = try scripted.answer {
      $0.constraint = constraint
      $0.allowedTokenIDs = [Self.id("b"), Self.id("x")]
    }
    #expect(output.content == "bbb" && output.result.match == .constraint)
    let nothing = try scripted.answer {
      $0.constraint = constraint
      $0.allowedTokenIDs = [Self.id("x")]
    }
    guard case .contradicted(let sentence) = nothing.result.reason else {
      Issue.record("\(nothing.result.reason)")
      return
    }
    #expect(sentence.contains("contradict each other"))
  }

  @Test func biasesThatForbidAllTokensAreNoFaultOfTheWeights() throws {
    let scripted = try Self.preferring([Self.id("a")])
    let output = try scripted.answer { request in
      request.sampling.logitBias = Dictionary(
        uniqueKeysWithValues: (0..<Int32(tinyTokenizer.vocabularySize)).map { ($0, -Float.infinity) })
    }
    guard case .contradicted = output.result.reason else {
      Issue.record("\(output.result.reason)")
      return
    }
  }

  @Test func badWordsDoNotOccur() throws {
    let scripted = try Self.preferring([Self.id("a"), Self.id("b"), Self.id("c")])
    func text(_ words: [String]) throws -> String {
      try scripted.answer {
        $0.badWords = words.map { tinyTokenizer.encode($0) }
        $0.maximumTokens = 6
      }.content
    }
    #expect(try text([]) == "aaaaaa")
    #expect(try text(["a"]) == "bbbbbb")
    #expect(try text(["aa"]) == "ababab")
    #expect(try text(["aab", "aaa"]) == "aacaac")
    #expect(try text(["a", "b"]) == "cccccc")
    // The prompt does not count.
    let first = try scripted.answer {
      $0.promptTokens = [1, Self.id("a")]
      $0.badWords = [tinyTokenizer.encode("aa")]
      $0.maximumTokens = 2
    }
    #expect(first.content == "ab")
  }

  @Test func draftsDoNotChangeWhatIsForbidden() throws {
    func answers(_ lookup: LookupMode) throws -> [[Int32]] {
      let scripted = try ScriptedEngine(
        EngineOptions(maximumSlots: 4, contextLength: 512, cacheBlockCount: 64, lookup: lookup),
        script: ScriptedForward.hashed(rowWidth: Self.rowWidth, endShare: 9))
      let requests = (0..<8 as Range<Int32>).map { index in
        var request = GenerationRequest(promptTokens: [index + 1], maximumTokens: 90)
        request.sampling = SamplingParameters(temperature: 0.3, topK: 5, seed: 2)
        request.minimumTokens = 40
        request.allowedTokenIDs = Array(60..<80) + [Self.endOfTurn]
        request.badWords = [[61], [62, 63], [70, 71, 72]]
        return request
      }
      return try scripted.engine.generate(requests).map(\.tokenIDs)
    }
    let plain = try answers(.off)
    #expect(try answers(.eager) == plain)
    for tokens in plain {
      #expect(tokens.count > 40 && tokens.allSatisfy { (60..<80).contains($0) || $0 == Self.endOfTurn })
      #expect(!tokens.contains(61) && tokens.firstRange(of: [62, 63]) == nil)
    }
  }

  // MARK: Numbers and text

  @Test func chosenTokensHaveLogprobs() throws {
    let scripted = try Self.preferring([Self.id("a"), Self.id("b")])
    for (ids, expected) in [([Self.id("q"), Self.id("b")], "aqb"), ([Self.id("q"), Self.id("a")], "aq")] {
      let output = try scripted.answer {
        $0.logprobCount = 3
        $0.logprobTokenIDs = ids
        $0.maximumTokens = 2
      }
      for token in output.tokens {
        #expect(String(decoding: token.top.flatMap(\.bytes), as: UTF8.self) == expected)
        #expect(token.top.first?.logprob == token.logprob)
      }
    }
  }

  @Test func promptTokensHaveRanks() throws {
    let scripted = try Self.preferring([Self.id("a"), Self.id("b"), Self.id("c")])
    let output = try scripted.answer {
      $0.promptTokens = [1, Self.id("a"), Self.id("c"), Self.id("z")]
      $0.maximumTokens = 1
      $0.wantsPromptLogprobs = true
      $0.promptLogprobCount = 2
    }
    #expect(output.prompt.map(\.rank) == [nil, 1, 3, 4])
    #expect(output.prompt.map(\.top.count) == [0, 2, 2, 2])
    #expect(output.tokens[0].rank == nil && output.tokens[0].top.isEmpty)
  }

  @Test func specialTokensAppearOnRequest() throws {
    let special = Int32(TinyTokenizer.startOfTurn)
    let scripted = try ScriptedEngine.answering("a", then: [special, Self.id("b"), Self.endOfTurn])
    #expect(try scripted.answer().content == "ab")
    #expect(try scripted.answer { $0.showsSpecialTokens = true }.content == "a<|im_start|>b")
    let all = try scripted.answer {
      $0.showsSpecialTokens = true
      $0.includesStop = true
    }
    #expect(all.content == "a<|im_start|>b<|im_end|>")
  }

  @Test func stopsAppearOnRequest() throws {
    let scripted = try ScriptedEngine.answering("one two three")
    let string = try scripted.answer {
      $0.stopStrings = [" tw"]
      $0.includesStop = true
    }
    #expect(string.content == "one tw" && string.result.match == .string(" tw"))
    let token = try scripted.answer {
      $0.stopTokenIDs = [Self.id("w")]
      $0.includesStop = true
    }
    #expect(token.content == "one tw" && token.result.match == .token(Self.id("w")))
    let end = try scripted.answer { $0.includesStop = true }
    #expect(end.content == "one two three")
  }

  @Test func wrongFieldsAreRefused() throws {
    let scripted = try Self.preferring([Self.endOfTurn])
    let changes: [(inout GenerationRequest) -> Void] = [
      { $0.minimumTokens = -1 }, { $0.minimumTokens = 300 }, { $0.allowedTokenIDs = [] },
      { $0.allowedTokenIDs = [9999] }, { $0.badWords = [[]] }, { $0.badWords = [[-1]] },
      { $0.badWords = [[Int32]](repeating: [1], count: 1001) },
      { $0.logprobTokenIDs = [Int32](repeating: 1, count: 129) }, { $0.logprobTokenIDs = [-5] },
      { $0.promptLogprobCount = 21 },
    ]
    for change in changes { #expect(throws: GenerationError.self) { try scripted.answer(change) } }
  }
}
