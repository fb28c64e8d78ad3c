import QuireGeneration
import QuireModel
import QuireText
import TestSupport
import Testing

/// Drafting in an engine: the same answers in fewer steps.
@Suite struct EngineLookupTests {
  /// Everything of an answer but times and drafts.
  struct Answer: Equatable {
    let reasoning: String
    let content: String
    let tokens: [TokenRecord]
    let reason: FinishReason
    let match: StopMatch?
    let counts: [Int]

    init(_ output: GenerationOutput) {
      reasoning = output.reasoning
      content = output.content
      tokens = output.tokens
      reason = output.result.reason
      match = output.result.match
      counts = [output.result.promptTokens, output.result.completionTokens, output.result.reasoningTokens]
    }
  }

  static func options(_ lookup: LookupMode, slots: Int = 16, budget: Int = 512, blocks: Int = 64)
    -> EngineOptions
  {
    EngineOptions(
      maximumSlots: slots, tokenBudget: budget, logitRowBudget: 64, contextLength: 256,
      cacheBlockCount: blocks, lookup: lookup)
  }

  /// Logits fixed by the last two tokens, among a few letters: greedy answers fall into loops, sampled ones keep
  /// coming back to what was there before. The history further back is checked by `hashed` scripts.
  static let looping: ScriptedForward.Script = { tokens in
    let last = tokens.suffix(2).reduce(UInt64(7)) { $0 &* 31 &+ UInt64(UInt32(bitPattern: $1)) }
    var generator = SeededGenerator(seed: last)
    var logits = [Float](repeating: -30, count: 320)
    for letter in 97..<107 { logits[letter] = Float(generator.next() % 1000) / 200 }
    if generator.next() % 64 == 0 { logits[TinyTokenizer.endOfTurn] = 1 }
    return logits
  }

  static func requests(_ sampling: SamplingParameters, promptCount: Int = 12) -> [GenerationRequest] {
    var generator = SeededGenerator(seed: 77)
    return (0..<promptCount).map { index in
      var request = GenerationRequest(
        promptTokens: (0..<1 + 9 * index).map { _ in Int32(97 + generator.next() % 10) })
      request.sampling = sampling
      if sampling.temperature > 0 { request.sampling.seed = UInt64(index) }
      request.maximumTokens = 40 + 7 * index
      request.ignoresEndOfSequence = index % 2 == 0
      if index % 3 == 0 { request.logprobCount = 2 }
      if index % 4 == 1 { request.stopStrings = ["aab", "jj"] }
      return request
    }
  }

  static let samplings: [SamplingParameters] = [
    .greedy, SamplingParameters(temperature: 0.4, topP: 0.9),
    SamplingParameters(temperature: 0.8, topK: 4, presencePenalty: 0.3, frequencyPenalty: 0.1),
    SamplingParameters(temperature: 0, repetitionPenalty: 1.1, logitBias: [98: 1.5]),
  ]

  @Test(arguments: samplings.indices, [LookupMode.eager, .adaptive])
  func answersAreTheSame(index: Int, lookup: LookupMode) throws {
    let requests = Self.requests(Self.samplings[index])
    let plain = try ScriptedEngine(Self.options(.off), script: Self.looping)
    let expected = try plain.engine.generate(requests).map(Answer.init)
    #expect(plain.engine.metrics.draftedTokenCount == 0)
    var preemptionCount = 0
    for (slots, budget, blocks) in [(16, 512, 128), (16, 20, 128), (5, 9, 9), (12, 64, 14), (1, 512, 16)] {
      let drafting = try ScriptedEngine(
        Self.options(lookup, slots: slots, budget: budget, blocks: blocks), script: Self.looping)
      let outputs = try drafting.engine.generate(requests)
      #expect(outputs.map(Answer.init) == expected)
      let metrics = drafting.engine.metrics
      #expect(metrics.usedBlockCount == 0)
      #expect(metrics.generatedTokenCount == plain.engine.metrics.generatedTokenCount)
      #expect(outputs.map(\.result.acceptedDraftTokens).reduce(0, +) == metrics.acceptedDraftCount)
      if lookup == .eager {
        #expect(metrics.acceptedDraftCount > 50)
        preemptionCount += metrics.preemptionCount
        // Greedy loops make every draft come true.
        #expect(
          metrics.draftedTokenCount > metrics.acceptedDraftCount || requests[0].sampling.temperature == 0)
      }
    }
    #expect(preemptionCount > 0 || lookup != .eager)
  }

  /// Where the whole history decides, a draft that was kept by mistake would change everything after it.
  @Test(arguments: [0, 0.7])
  func rejectedDraftsLeaveNoTrace(temperature: Float) throws {
    var requests = Self.requests(SamplingParameters(temperature: temperature, topK: 3))
    for index in requests.indices { requests[index].promptTokens += [97, 98, 99, 97, 98] }
    let hashed = ScriptedForward.hashed(rowWidth: 320)
    let script: ScriptedForward.Script = { tokens in
      // Few letters, so that runs of two come up again by chance.
      var logits = hashed(tokens)
      for index in logits.indices where !(97..<101).contains(index) { logits[index] = -50 }
      return logits
    }
    let plain = try ScriptedEngine(Self.options(.off), script: script)
    let drafting = try ScriptedEngine(Self.options(.eager, slots: 6, budget: 24, blocks: 12), script: script)
    let expected = try plain.engine.generate(requests).map(Answer.init)
    #expect(try drafting.engine.generate(requests).map(Answer.init) == expected)
    let metrics = drafting.engine.metrics
    #expect(metrics.acceptedDraftCount > 50)
    #expect(metrics.draftedTokenCount > 3 * metrics.acceptedDraftCount)
  }

  /// The prompt [1], answered with a text of a period, alone in an engine.
  private func repeating(
    _ text: String, then more: [Int32] = [], lookup: LookupMode,
    _ change: (inout GenerationRequest) -> Void = { _ in }
  ) throws -> (output: GenerationOutput, metrics: EngineMetrics) {
    let answer = tinyTokenizer.encode(text) + more
    let scripted = try ScriptedEngine(
      Self.options(lookup), script: ScriptedForward.answers([1: answer], promptCount: 1, rowWidth: 320))
    var request = GenerationRequest(promptTokens: [1])
    change(&request)
    return (try scripted.engine.generate([request])[0], scripted.engine.metrics)
  }

  private static let period = "abcdefghij"

  @Test func aRepeatedTextTakesFewSteps() throws {
    let (output, metrics) = try repeating(String(repeating: Self.period, count: 10), lookup: .eager) {
      $0.maximumTokens = 100
    }
    let plain = try repeating(String(repeating: Self.period, count: 10), lookup: .off) {
      $0.maximumTokens = 100
    }
    #expect(Answer(output) == Answer(plain.output))
    // The first period and two tokens more come one by one, then nine in each step.
    let count = output.result.completionTokens
    #expect(metrics.stepCount == plain.metrics.stepCount - output.result.acceptedDraftTokens)
    #expect(output.result.acceptedDraftTokens > count * 3 / 4)
    #expect(metrics.betweenTokensSeconds.count == count - 1)
  }

  /// Wherever in a run of accepted drafts an answer ends, nothing of what comes after is given out.
  @Test func everyEndFallsWhereItWould() throws {
    let text = String(repeating: Self.period, count: 4)
    for length in 20..<40 {
      let cut = String(text.prefix(length))
      let rest = String(text.dropFirst(length))
      let changes: [(inout GenerationRequest) -> Void] = [
        { $0.maximumTokens = length },
        { $0.stopStrings = [String((cut + "!").suffix(4))] },
        { $0.stopTokenIDs = [Int32(TinyTokenizer.endOfText)] },
        { $0.logprobCount = 3 },
      ]
      for change in changes {
        for answer in [cut + "!" + rest, cut + rest] {
          let drafted = try repeating(answer, lookup: .eager, change)
          let plain = try repeating(answer, lookup: .off, change)
          #expect(Answer(drafted.output) == Answer(plain.output))
          #expect(drafted.output.result.acceptedDraftTokens > 0)
        }
      }
      // An end-of-turn token inside what is drafted: a prompt that holds one before is quoted.
      let ended = try repeating(cut, then: [Int32(TinyTokenizer.endOfTurn), 97, 98], lookup: .eager)
      #expect(ended.output.content == cut)
      #expect(ended.output.result.match == .endOfSequence(Int32(TinyTokenizer.endOfTurn)))
    }
  }

  @Test func anEndThatWasDraftedEndsTheAnswer() throws {
    let end = Int32(TinyTokenizer.endOfTurn)
    let quoted = tinyTokenizer.encode("once more") + [end, 120, 121]
    let script: ScriptedForward.Script = { tokens in
      var logits = [Float](repeating: 0, count: 320)
      // Copies the prompt from its third token on.
      logits[Int(tokens[2 + (tokens.count - quoted.count - 2) % quoted.count])] = 9
      return logits
    }
    for lookup in LookupMode.allCases {
      let scripted = try ScriptedEngine(Self.options(lookup), script: script)
      let request = GenerationRequest(promptTokens: [5, 6] + quoted, stopTokenIDs: [121])
      let output = try scripted.engine.generate([request])[0]
      #expect(output.content == "once more")
      #expect(output.result.match == .endOfSequence(end))
      var onward = request
      onward.ignoresEndOfSequence = true
      let longer = try scripted.engine.generate([onward])[0]
      #expect(longer.result.match == .token(121))
      #expect(longer.tokenIDs == quoted)
      if lookup == .eager { #expect(output.result.acceptedDraftTokens > 0) }
    }
  }

  @Test func thinkingIsSplitInsideARunOfDrafts() throws {
    let thought = "ab ab ab ab ab ab</think>ab ab ab ab ab ab ab ab"
    let drafted = try repeating("<think>" + thought, lookup: .eager) { $0.chatFormat = .qwen3 }
    let plain = try repeating("<think>" + thought, lookup: .off) { $0.chatFormat = .qwen3 }
    #expect(Answer(drafted.output) == Answer(plain.output))
    #expect(drafted.output.result.acceptedDraftTokens > 5)
    #expect(!drafted.output.reasoning.isEmpty && !drafted.output.content.isEmpty)
  }

  /// A row behind a rejected draft is never looked at, one behind an accepted draft is.
  @Test func damagedLogitsEndTheAnswerAtTheSameToken() throws {
    for place in [25, 26, 27, 33] {
      let script: ScriptedForward.Script = { tokens in
        var logits = Self.looping(tokens)
        if tokens.count == place { logits[3] = .nan }
        return logits
      }
      let request = GenerationRequest(promptTokens: [97], maximumTokens: 60, ignoresEndOfSequence: true)
      let answers = try [LookupMode.off, .eager].map {
        Answer(try ScriptedEngine(Self.options($0), script: script).engine.generate([request])[0])
      }
      #expect(answers[0] == answers[1])
      #expect(answers[0].reason == .failed(GenerationError.unusableLogits(tokenIndex: place - 1).description))
    }
  }
}
