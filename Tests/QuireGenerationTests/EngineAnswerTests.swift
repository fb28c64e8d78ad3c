import QuireGeneration
import QuireModel
import QuireText
import TestSupport
import Testing

/// What becomes of the tokens of one answer.
@Suite struct EngineAnswerTests {
  let endOfText = Int32(TinyTokenizer.endOfText)
  let endOfTurn = Int32(TinyTokenizer.endOfTurn)

  // MARK: Endings

  @Test func bothEndOfSequenceTokensEndTheAnswer() throws {
    for end in [endOfText, endOfTurn] {
      let output = try ScriptedEngine.answering("hello", then: [end, 65, 65]).answer()
      #expect(output.content == "hello")
      #expect(output.result.reason == .stop)
      #expect(output.result.match == .endOfSequence(end))
      #expect(output.tokenIDs == tinyTokenizer.encode("hello") + [end])
      #expect(output.result.completionTokens == output.tokens.count)
    }
  }

  @Test func endOfSequenceCanBeIgnored() throws {
    let output = try ScriptedEngine.answering("ab", then: [endOfTurn, 65]).answer {
      $0.ignoresEndOfSequence = true
      $0.maximumTokens = 10
    }
    #expect(output.result.reason == .length)
    #expect(output.result.match == nil)
    #expect(output.result.completionTokens == 10)
    #expect(output.content == "ab" + String(decoding: tinyTokenizer.bytes(of: 65), as: UTF8.self))
  }

  @Test func stopTokensEndTheAnswerWithoutTheirText() throws {
    let output = try ScriptedEngine.answering("one two").answer {
      $0.stopTokenIDs = Set(tinyTokenizer.encode("w"))
    }
    #expect(output.content == "one t")
    #expect(output.result.match == .token(tinyTokenizer.encode("w")[0]))
    #expect(output.result.reason == .stop)
  }

  @Test func theLimitEndsTheAnswer() throws {
    let output = try ScriptedEngine.answering("abcdef").answer { $0.maximumTokens = 3 }
    #expect(output.content == "abc")
    #expect(output.result.reason == .length)
    #expect(output.result.completionTokens == 3)
  }

  @Test func theContextEndsTheAnswer() throws {
    let scripted = try ScriptedEngine(
      EngineOptions(contextLength: 40, cacheBlockCount: 2),
      script: ScriptedForward.answers([:], promptCount: 0, rowWidth: 320))
    let output = try scripted.engine.generate([
      GenerationRequest(
        promptTokens: [Int32](repeating: 7, count: 30), maximumTokens: .max, ignoresEndOfSequence: true)
    ])[0]
    #expect(output.result.reason == .length)
    #expect(output.result.completionTokens == 10)
    #expect(output.result.promptTokens == 30)
  }

  // MARK: Stop strings

  @Test func aStopStringAcrossTokensIsNeverGivenOut() throws {
    let scripted = try ScriptedEngine.answering("one, two, three")
    let log = EventLog()
    var request = GenerationRequest(promptTokens: [1])
    request.stopStrings = [", th"]
    _ = try scripted.engine.submit(request, onEvent: log.take)
    #expect(log.result()?.match == .string(", th"))
    var text = ""
    for case .delta(let parts, _) in log.all {
      text += parts.content
      #expect("one, two".hasPrefix(text), "\(text) is more than may be known")
    }
    #expect(text == "one, two")
  }

  @Test func heldTextComesOutWhenTheAnswerEndsOtherwise() throws {
    let scripted = try ScriptedEngine.answering("abcab")
    #expect(try scripted.answer { $0.stopStrings = ["abd", "bX"] }.content == "abcab")
    let cut = try scripted.answer {
      $0.stopStrings = ["cabX"]
      $0.maximumTokens = 4
    }
    #expect(cut.content == "abca")
    #expect(cut.result.reason == .length)
  }

  @Test func aCharacterThatNeverEndsIsNotGiven() throws {
    let bytes = tinyTokenizer.encode("é").count == 1 ? [] : tinyTokenizer.encode("é")
    #expect(bytes.count == 2)
    let scripted = try ScriptedEngine.answering("a", then: [bytes[0]])
    let output = try scripted.answer()
    #expect(output.content == "a")
    #expect(output.tokens[1].bytes == [0xC3])
    // A limit leaves the character out, because its other bytes may only be missing.
    for format in [nil, ChatFormat.qwen3] {
      let cut = try scripted.answer {
        $0.maximumTokens = 2
        $0.chatFormat = format
      }
      #expect(cut.content == "a" && cut.result.reason == .length)
    }
    #expect(try ScriptedEngine.answering("é").answer().content == "é")
  }

  // MARK: Thinking

  private func chat(_ text: String) throws -> GenerationOutput {
    let scripted = try ScriptedEngine.answering(text)
    return try scripted.answer { $0.chatFormat = .qwen3 }
  }

  @Test func reasoningIsKeptApart() throws {
    let output = try chat("<think>\nwhy\n</think>\n\nbecause")
    #expect(output.reasoning.contains("why"))
    #expect(!output.reasoning.contains("think>"))
    #expect(output.content == "because")
    let thought = tinyTokenizer.encode("<think>\nwhy\n</think>").count
    #expect(output.result.reasoningTokens == thought)
    #expect(
      output.result.completionTokens == tinyTokenizer.encode("<think>\nwhy\n</think>\n\nbecause").count + 1)
  }

  @Test func rawCompletionsAreAllContent() throws {
    let output = try ScriptedEngine.answering("<think>why</think>because").answer()
    #expect(output.content == "<think>why</think>because")
    #expect(output.reasoning.isEmpty)
    #expect(output.result.reasoningTokens == 0)
  }

  @Test func thePromptDecidesWhereTheAnswerStarts() throws {
    let open = Int32(TinyTokenizer.thinkStart)
    let close = Int32(TinyTokenizer.thinkEnd)
    for (prompt, reasoning, content) in [
      ([5, open], "x", ""), ([5, open, close], "", "x"), ([open, close, open], "x", ""),
    ] as [([Int32], String, String)] {
      let scripted = try ScriptedEngine(
        script: ScriptedForward.answers(
          [prompt[0]: tinyTokenizer.encode("x")], promptCount: prompt.count, rowWidth: 320))
      let output = try scripted.engine.generate([
        GenerationRequest(promptTokens: prompt, chatFormat: .qwen3)
      ])[0]
      #expect(output.reasoning == reasoning)
      #expect(output.content == content)
    }
  }

  @Test func stopStringsAreSearchedInTheContentOnly() throws {
    let scripted = try ScriptedEngine.answering("<think>\na STOP b\n</think>\n\nc STOP d")
    let output = try scripted.answer {
      $0.chatFormat = .qwen3
      $0.stopStrings = ["STOP"]
    }
    #expect(output.reasoning.contains("a STOP b"))
    #expect(output.content == "c ")
    #expect(output.result.match == .string("STOP"))
  }

  // MARK: Tool calls

  private static let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"q\": \"STOP\"}}\n</tool_call>"

  private func calling(_ text: String, stops: [String] = []) throws -> GenerationOutput {
    let scripted = try ScriptedEngine.answering(text)
    return try scripted.answer {
      $0.chatFormat = .qwen3
      $0.splitsToolCalls = true
      $0.stopStrings = stops
    }
  }

  @Test func callsAreKeptApart() throws {
    let output = try calling("<think>\nI draft \(Self.call).\n</think>\n\nNow.\n\(Self.call)\nDone.")
    #expect(output.reasoning == "I draft \(Self.call).")
    #expect(output.content == "Now.\nDone.")
    #expect(output.answer.calls.map(\.name) == ["f"])
    #expect(output.answer.calls.map(\.arguments) == ["{\"q\": \"STOP\"}"])
    // Without tools a call is text like any other.
    #expect(try chat(Self.call).content == Self.call)
  }

  @Test func stopStringsAreNotSearchedInCalls() throws {
    let output = try calling("a\n\(Self.call)\nb STOP c\n\(Self.call)", stops: ["STOP", "name"])
    #expect(output.content == "a\nb ")
    #expect(output.answer.calls.count == 1)
    #expect(output.result.match == .string("STOP"))
    // What does not read as a call is text.
    let broken = try calling("<tool_call>{STOP}</tool_call>", stops: ["STOP"])
    #expect(broken.content == "<tool_call>{" && broken.result.match == .string("STOP"))
  }

  /// Text before a call comes out before it, although it could have become a stop string.
  @Test func textBeforeACallIsNotHeldBack() throws {
    let scripted = try ScriptedEngine.answering("a ST\n\(Self.call)\nOP STOP")
    let log = EventLog()
    var request = GenerationRequest(promptTokens: [1])
    request.chatFormat = .qwen3
    request.splitsToolCalls = true
    request.stopStrings = ["STOP", "\nOP"]
    _ = try scripted.engine.submit(request) { log.take($0) }
    #expect(log.result()?.match == .string("\nOP"))
    var seen = AnswerParts()
    for case .delta(let parts, _) in log.all {
      seen += parts
      if !seen.calls.isEmpty { #expect(seen.content == "a ST") }
    }
    #expect(seen.calls.map(\.arguments) == ["{\"q\": \"STOP\"}"])
  }

  /// The tokens of this tokenizer are single bytes or a few, so the pieces are as small as they get.
  @Test func argumentsArriveInPieces() throws {
    let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"q\": \"東京 😀\", \"n\": [1, 2]}}\n</tool_call>"
    let scripted = try ScriptedEngine.answering(call)
    let log = EventLog()
    var request = GenerationRequest(promptTokens: [1])
    request.chatFormat = .qwen3
    request.splitsToolCalls = true
    _ = try scripted.engine.submit(request) { log.take($0) }
    #expect(log.result()?.reason == .stop)
    let calls = log.all.flatMap { event in
      if case .delta(let parts, _) = event { parts.calls } else { [] as [ToolCallPart] }
    }
    #expect(calls.count > 10 && calls.first?.name == "f" && calls.dropFirst().allSatisfy { $0.name == nil })
    #expect(calls.map(\.arguments).joined() == "{\"q\": \"東京 😀\", \"n\": [1, 2]}")
  }

  // MARK: Log-probabilities

  @Test func logprobsComeWithEveryTokenTheLastIncluded() throws {
    let output = try ScriptedEngine.answering("ab").answer { $0.logprobCount = 2 }
    #expect(output.tokens.count == 3)
    for token in output.tokens {
      // One logit of 10 among 319 of 0.
      #expect(abs((token.logprob ?? 0) - -0.014_378) < 1e-5)
      #expect(token.top.count == 2)
      #expect(token.top[0].id == token.id)
      #expect(token.top[0].logprob == token.logprob)
    }
    #expect(try ScriptedEngine.answering("ab").answer().tokens[0].logprob == nil)
  }

  @Test func promptsAreScoredInOneEventBeforeTheAnswer() throws {
    let prompt = tinyTokenizer.encode("a long prompt of more rows than a step may have logits for")
    let script = ScriptedForward.hashed(rowWidth: 320)
    let scripted = try ScriptedEngine(
      EngineOptions(
        maximumSlots: 2, tokenBudget: 8, logitRowBudget: 3, contextLength: 1024, cacheBlockCount: 64),
      script: script)
    let log = EventLog()
    let request = GenerationRequest(
      promptTokens: prompt, maximumTokens: 2, ignoresEndOfSequence: true, logprobCount: 1,
      wantsPromptLogprobs: true)
    _ = try scripted.engine.submit(request, onEvent: log.take)
    #expect(log.result()?.reason == .length)
    guard case .prompt(let records) = log.all[0] else {
      Issue.record("the first event is \(log.all[0])")
      return
    }
    #expect(records.map(\.id) == prompt)
    #expect(records[0].logprob == nil)
    let workspace = SamplerWorkspace(capacity: 320)
    for index in 1..<prompt.count {
      let logits = script(Array(prompt[..<index]))
      let (value, best) = try logits.withUnsafeBufferPointer { row in
        let exact = try LogProbabilities(
          logits: row, vocabularySize: tinyTokenizer.vocabularySize, tokenIndex: 0, workspace: workspace)
        return (exact.value(of: prompt[index]), exact.best(1, workspace: workspace)[0])
      }
      #expect(records[index].logprob == value)
      #expect(records[index].top.map(\.id) == [best.id])
    }
    #expect(log.all.count == 4)
  }

  @Test func aPromptCanBeScoredWithoutAnAnswer() throws {
    let scripted = try ScriptedEngine(script: ScriptedForward.hashed(rowWidth: 320))
    let output = try scripted.engine.generate([
      GenerationRequest(promptTokens: [4, 5, 6], maximumTokens: 0, wantsPromptLogprobs: true),
      GenerationRequest(promptTokens: [4], maximumTokens: 0, wantsPromptLogprobs: true),
    ])
    #expect(output[0].prompt.map(\.id) == [4, 5, 6])
    #expect(output[0].prompt.map { $0.logprob == nil } == [true, false, false])
    #expect(output[0].tokens.isEmpty)
    #expect(output[0].result.reason == .length)
    #expect(output[1].prompt.map(\.id) == [4])
  }
}
