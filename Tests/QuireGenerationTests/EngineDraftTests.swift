import Foundation
import QuireGeneration
import QuireModel
import QuireScheduling
import QuireText
import Synchronization
import TestSupport
import Testing

/// Engines with a draft model whose logits are written down: the same answers in fewer steps.
@Suite struct EngineDraftTests {
  typealias Answer = EngineLookupTests.Answer

  /// A target and a draft model, each with a cache of the tokens that it was given.
  struct Pair {
    let engine: Engine
    let draft: ScriptedForward

    init(
      _ options: EngineOptions, contextLength: Int = 1024, draftScript: @escaping ScriptedForward.Script,
      script: @escaping ScriptedForward.Script
    ) throws {
      let shape = try EngineShape(
        options, configuration: tinyConfiguration, draft: tinyConfiguration,
        vocabularySize: tinyTokenizer.vocabularySize)
      let width = tinyConfiguration.vocabularySize
      let target = ScriptedForward(blockCount: shape.blockCount, rowWidth: width, script: script)
      let draft = ScriptedForward(
        blockCount: DraftModelParts.blockCount(shape), rowWidth: width, script: draftScript)
      self.draft = draft
      engine = Engine(
        EngineParts(
          forward: target, rowWidth: width, tokenizer: tinyTokenizer, shape: shape,
          endOfSequenceIDs: tinyTokenizer.endOfSequenceIDs,
          draftModel: DraftModelParts(
            forward: draft, rowWidth: width,
            maximumRows: DraftModelParts.maximumRows(slots: shape.maximumSlots),
            contextLength: contextLength, assumedShare: 0.1),
          onStep: { scheduler in
            if let broken = scheduler.brokenInvariant { Issue.record("\(broken)") }
          }))
    }
  }

  private static func options(
    _ mode: LookupMode, lookup: LookupMode = .off, slots: Int = 16, budget: Int = 512, blocks: Int = 64,
    keepsPrefixes: Bool = false
  ) -> EngineOptions {
    var options = EngineLookupTests.options(lookup, slots: slots, budget: budget, blocks: blocks)
    options.modelDrafts = mode
    options.keepsPrefixes = keepsPrefixes
    return options
  }

  /// Logits that any change of the history changes, among a few letters.
  private static let target: ScriptedForward.Script = { tokens in
    var logits = ScriptedForward.hashed(rowWidth: 320)(tokens)
    for index in logits.indices where !(97..<101).contains(index) { logits[index] = -50 }
    return logits
  }

  /// The target's logits with mistakes in about `share` of 8 positions.
  private static func damaged(_ share: UInt64) -> ScriptedForward.Script {
    { tokens in
      var logits = target(tokens)
      let hash = tokens.reduce(UInt64(tokens.count)) {
        ($0 ^ UInt64(UInt32(bitPattern: $1))) &* 1_099_511_628_211
      }
      if (hash >> 32) % 8 < share { logits[102] = 60 }
      return logits
    }
  }

  static let cuts = [(16, 512, 128), (16, 20, 128), (5, 9, 9), (12, 64, 14), (1, 512, 16)]

  @Test(arguments: EngineLookupTests.samplings.indices, [LookupMode.eager, .adaptive])
  func answersAreTheSame(index: Int, mode: LookupMode) throws {
    let requests = EngineLookupTests.requests(EngineLookupTests.samplings[index])
    let plain = try ScriptedEngine(EngineLookupTests.options(.off), script: Self.target)
    let expected = try plain.engine.generate(requests).map(Answer.init)
    for (slots, budget, blocks) in Self.cuts {
      let pair = try Pair(
        Self.options(mode, slots: slots, budget: budget, blocks: blocks), draftScript: Self.damaged(3),
        script: Self.target)
      let outputs = try pair.engine.generate(requests)
      #expect(outputs.map(Answer.init) == expected)
      let metrics = pair.engine.metrics
      #expect(metrics.usedBlockCount == 0)
      #expect(outputs.map(\.result.acceptedDraftTokens).reduce(0, +) == metrics.acceptedDraftCount)
      #expect(metrics.modelAcceptedDraftCount == metrics.acceptedDraftCount)
      if mode == .eager {
        #expect(metrics.modelAcceptedDraftCount > 50)
        #expect(metrics.modelDraftedTokenCount > metrics.modelAcceptedDraftCount)
        #expect(metrics.draftModelTokenCount >= metrics.modelDraftedTokenCount)
      }
    }
  }

  /// A draft model that is the target is always right, as long as it sees the history that the target sees. So one wrong
  /// draft means keys and values of another text: of a block's former owner, or of a refused draft.
  @Test(arguments: [false, true], [LookupMode.off, .eager])
  func itsKeysAndValuesAreNeverStale(keepsPrefixes: Bool, lookup: LookupMode) throws {
    var requests = EngineLookupTests.requests(.greedy, promptCount: 24)
    for index in requests.indices {
      requests[index].ignoresEndOfSequence = true
      requests[index].stopStrings = []
      requests[index].maximumTokens = min(120, 256 - requests[index].promptTokens.count)
      if index % 2 == 1 { requests[index].promptTokens = requests[index - 1].promptTokens + [97, 98] }
    }
    let plain = try ScriptedEngine(EngineLookupTests.options(.off), script: Self.target)
    let expected = try plain.engine.generate(requests).map(Answer.init)
    for (slots, budget, blocks) in Self.cuts {
      let pair = try Pair(
        Self.options(
          .eager, lookup: lookup, slots: slots, budget: budget, blocks: blocks, keepsPrefixes: keepsPrefixes),
        draftScript: { tokens in
          if tokens.contains(-1) { Issue.record("a position that was never computed") }
          return Self.target(tokens)
        }, script: Self.target)
      #expect(try pair.engine.generate(requests).map(Answer.init) == expected)
      let metrics = pair.engine.metrics
      #expect(metrics.modelDraftedTokenCount == metrics.modelAcceptedDraftCount)
      // Which source drafts depends on measured times where there are two.
      #expect(metrics.modelAcceptedDraftCount > (lookup == .off ? 50 : 0))
      if blocks < 20, slots > 1 { #expect(metrics.preemptionCount > 0) }
      if keepsPrefixes, slots == 1 { #expect(metrics.prefixHitCount > 0) }
    }
  }

  @Test func aCancelledRequestLeavesNothing() throws {
    let pair = try Pair(
      Self.options(.eager, slots: 4, blocks: 32, keepsPrefixes: true), draftScript: Self.target,
      script: Self.target)
    let endless = (0..<4).map { index in
      GenerationRequest(
        promptTokens: [Int32(97 + index), 98, 99], maximumTokens: 250, ignoresEndOfSequence: true)
    }
    let logs = endless.map { _ in EventLog() }
    let ids = try zip(endless, logs).map { request, log in
      try pair.engine.submit(request) { event in log.take(event) }
    }
    for id in ids { pair.engine.cancel(id) }
    for log in logs { #expect(log.result()?.reason == .cancelled) }
    let requests = EngineLookupTests.requests(.greedy)
    let plain = try ScriptedEngine(EngineLookupTests.options(.off), script: Self.target)
    let expected = try plain.engine.generate(requests).map(Answer.init)
    #expect(try pair.engine.generate(requests).map(Answer.init) == expected)
  }

  /// The probability of each answer of three tokens is the product of the target's, whatever the draft model proposes.
  @Test(arguments: [Float(1), 0.6])
  func sampledAnswersHaveTheTargetsDistribution(temperature: Float) throws {
    let target: ScriptedForward.Script = { tokens in
      var logits = [Float](repeating: -200, count: 320)
      let last = Int(tokens[tokens.count - 1]) % 3
      for letter in 0..<3 { logits[97 + letter] = [0, 0.8, -0.5][(letter + last) % 3] }
      return logits
    }
    let draft: ScriptedForward.Script = { tokens in
      var logits = [Float](repeating: 0, count: 320)
      logits[97 + Int(tokens[tokens.count - 1] + 1) % 3] = 5
      return logits
    }
    let pair = try Pair(Self.options(.eager), draftScript: draft, script: target)
    let count = 6000
    let requests = (0..<count).map { seed in
      GenerationRequest(
        promptTokens: [97],
        sampling: SamplingParameters(temperature: temperature, topP: 1, topK: 0, seed: UInt64(seed)),
        maximumTokens: 4, ignoresEndOfSequence: true)
    }
    var found: [[Int32]: Int] = [:]
    for output in try pair.engine.generate(requests) {
      found[Array(output.tokenIDs.prefix(3)), default: 0] += 1
    }
    #expect(pair.engine.metrics.modelAcceptedDraftCount > count / 4)
    #expect(pair.engine.metrics.modelDraftedTokenCount > pair.engine.metrics.modelAcceptedDraftCount)
    // Pearson's test over the 27 answers, 26 degrees of freedom: 62 is exceeded once in 10,000 runs.
    var statistic = 0.0
    for answer in Self.answers(of: 3) {
      var probability = 1.0
      var text: [Int32] = [97]
      for token in answer {
        let logits = target(text)[97..<100].map { Foundation.exp(Double($0) / Double(temperature)) }
        probability *= logits[Int(token) - 97] / logits.reduce(0, +)
        text.append(token)
      }
      let expected = probability * Double(count)
      let difference = Double(found[answer] ?? 0) - expected
      statistic += difference * difference / expected
    }
    #expect(found.values.reduce(0, +) == count)
    #expect(statistic < 62)
  }

  private static func answers(of length: Int) -> [[Int32]] {
    length == 0 ? [[]] : answers(of: length - 1).flatMap { start in (97..<100).map { start + [$0] } }
  }

  @Test func draftsEndWithTheDraftModelsContext() throws {
    let pair = try Pair(
      Self.options(.eager), contextLength: 40, draftScript: Self.target, script: Self.target)
    _ = try pair.engine.generate([
      GenerationRequest(promptTokens: [97], maximumTokens: 200, ignoresEndOfSequence: true)
    ])
    for batch in pair.draft.batches {
      for slice in batch.sequences { #expect(slice.firstPosition + slice.rowCount <= 40) }
    }
    #expect((20..<40).contains(pair.engine.metrics.modelAcceptedDraftCount))
  }

  /// Stop strings, thoughts with a limit and constraints end and force what they would without drafts.
  @Test func rulesOfRequestsHold() throws {
    var requests = EngineLookupTests.requests(.greedy)
    for index in requests.indices {
      requests[index].stopStrings = ["ab", "dd"]
      requests[index].minimumTokens = index
      if index % 2 == 0 { requests[index].badWords = [[97, 98], [99]] }
      if index % 3 == 0 {
        requests[index].promptTokens.append(Int32(TinyTokenizer.thinkStart))
        requests[index].chatFormat = .qwen3
        requests[index].thinking = ThinkingLimit(
          budget: 9, closing: ThoughtClosing(.qwen3, tokenizer: tinyTokenizer))
      }
    }
    let plain = try ScriptedEngine(EngineLookupTests.options(.off), script: Self.target)
    let expected = try plain.engine.generate(requests).map(Answer.init)
    for mode in [LookupMode.eager, .adaptive] {
      let pair = try Pair(Self.options(mode), draftScript: Self.damaged(1), script: Self.target)
      #expect(try pair.engine.generate(requests).map(Answer.init) == expected)
    }
  }
}
