import QuireGeneration
import QuireModel
import QuireTensors
import QuireText
import TestSupport
import Testing

/// An answer that uses cached blocks equals the answer without them, bit for bit.
@Suite(.serialized) struct EnginePrefixTests {
  private func engine(_ element: KeyValueElement, keepsPrefixes: Bool, blocks: Int, budget: Int) throws
    -> Engine
  {
    try Engine(
      model: EngineModelTests.quantizedModel, tokenizer: tinyTokenizer,
      options: EngineOptions(
        threadCount: 2, maximumSlots: 4, tokenBudget: budget, contextLength: 512, cacheBlockCount: blocks,
        keyValueElement: element, lookup: .eager, keepsPrefixes: keepsPrefixes))
  }

  /// A conversation of several turns; all conversations have the same system prompt. A turn's prompt is the history
  /// without the reasoning, then a new question. Comparing the log-probabilities too makes the comparison exact.
  private struct Talk {
    var history: [Int32]
    var pending: GenerationRequest
    var answers: [[TokenRecord]] = []
    var cachedTokens: [Int] = []

    init(_ system: [Int32], _ generator: inout SeededGenerator) {
      history = system
      pending = GenerationRequest(promptTokens: [0])
      ask(&generator)
    }

    mutating func ask(_ generator: inout SeededGenerator) {
      history += generator.tokens(1 + Int(generator.next() % 40), vocabularySize: 256)
      pending = GenerationRequest(
        promptTokens: history + [Int32(TinyTokenizer.thinkStart)],
        sampling: SamplingParameters(temperature: 0.9, topK: 30, seed: generator.next()),
        maximumTokens: 1 + Int(generator.next() % 60), ignoresEndOfSequence: true, logprobCount: 1)
    }

    /// Keeps the last part of the answer, as if the first part were reasoning.
    mutating func take(_ output: GenerationOutput, _ generator: inout SeededGenerator) {
      answers.append(output.tokens)
      cachedTokens.append(output.result.cachedTokens)
      let reasoning = Int(generator.next() % UInt64(output.tokens.count + 1))
      history += output.tokenIDs.dropFirst(reasoning)
    }
  }

  private func talks(_ engine: Engine, seed: UInt64) throws -> [Talk] {
    var generator = SeededGenerator(seed: seed)
    let system = generator.tokens(75, vocabularySize: 256)
    var talks = (0..<5).map { _ in Talk(system, &generator) }
    for _ in 0..<3 {
      let outputs = try engine.generate(talks.map(\.pending))
      for index in talks.indices {
        talks[index].take(outputs[index], &generator)
        talks[index].ask(&generator)
      }
    }
    return talks
  }

  @Test(arguments: KeyValueElement.allCases, [(64, 512), (64, 17), (18, 33)])
  func conversationsAreTheSameWithAndWithout(element: KeyValueElement, size: (blocks: Int, budget: Int))
    throws
  {
    for seed in 1...UInt64(3) {
      let without = try engine(element, keepsPrefixes: false, blocks: 64, budget: 512)
      let with = try engine(element, keepsPrefixes: true, blocks: size.blocks, budget: size.budget)
      let (plain, cached) = (try talks(without, seed: seed), try talks(with, seed: seed))
      #expect(plain.map(\.answers) == cached.map(\.answers))
      #expect(plain.allSatisfy { $0.cachedTokens.allSatisfy { $0 == 0 } })
      #expect(cached.contains { $0.cachedTokens.contains { $0 > 64 } })
      let metrics = with.metrics
      #expect(metrics.usedBlockCount == 0)
      #expect(metrics.prefixHitTokenCount == cached.flatMap(\.cachedTokens).reduce(0, +))
      #expect((metrics.evictedBlockCount > 0) == (size.blocks == 18))
      #expect(without.metrics.prefixQueryCount == 0 && without.metrics.idleBlockCount == 0)
    }
  }

  /// The second turn computes the text after the dropped reasoning, and less than a block of the text before it.
  @Test func aTurnAfterDroppedReasoningComputesLittle() throws {
    let engine = try engine(.float16, keepsPrefixes: true, blocks: 64, budget: 512)
    var generator = SeededGenerator(seed: 4)
    let prompt = generator.tokens(300, vocabularySize: 256)
    let first = try engine.generate([
      GenerationRequest(promptTokens: prompt, maximumTokens: 60, ignoresEndOfSequence: true)
    ])[0]
    let after = Array(first.tokenIDs.suffix(20)) + generator.tokens(15, vocabularySize: 256)
    let before = engine.metrics.computedTokenCount
    let second = try engine.generate([GenerationRequest(promptTokens: prompt + after, maximumTokens: 1)])[0]
    #expect(second.result.cachedTokens == 288)
    #expect(engine.metrics.computedTokenCount - before == 12 + after.count)
    // Nothing dropped: the whole first turn is in the cache.
    let whole = prompt + first.tokenIDs + after
    let third = try engine.generate([GenerationRequest(promptTokens: whole, maximumTokens: 1)])[0]
    #expect(third.result.cachedTokens == 352, "359 tokens had been computed, the last one was not needed")
  }

  /// Prompts whose tokens are scored, and requests that do not use the cache, neither read nor fill it.
  @Test func scoredPromptsBypassTheCache() throws {
    let engine = try engine(.int8, keepsPrefixes: true, blocks: 64, budget: 512)
    var generator = SeededGenerator(seed: 5)
    let prompt = generator.tokens(100, vocabularySize: 256)
    var scored = GenerationRequest(promptTokens: prompt, maximumTokens: 2, wantsPromptLogprobs: true)
    let first = try engine.generate([scored])[0]
    #expect(engine.metrics.idleBlockCount == 0)
    let plain = GenerationRequest(promptTokens: prompt, maximumTokens: 2)
    #expect(try engine.generate([plain])[0].result.cachedTokens == 0)
    #expect(try engine.generate([plain])[0].result.cachedTokens == 96)
    let again = try engine.generate([scored])[0]
    #expect(again.result.cachedTokens == 0 && again.prompt == first.prompt)
    scored.wantsPromptLogprobs = false
    scored.usesPrefixCache = false
    #expect(try engine.generate([scored])[0].result.cachedTokens == 0)
    #expect(engine.metrics.prefixQueryCount == 2 && engine.metrics.prefixHitCount == 1)
  }

  /// However a request ends, its blocks are free, and the next request can reuse its computed tokens.
  @Test func aCancelledRequestLeavesItsPrompt() throws {
    let scripted = try ScriptedEngine(
      EngineOptions(maximumSlots: 1, contextLength: 1024, cacheBlockCount: 64, keepsPrefixes: true),
      script: ScriptedForward.hashed(rowWidth: 320))
    let prompt = [Int32](0..<100)
    let log = EventLog()
    let id = try scripted.engine.submit(
      GenerationRequest(promptTokens: prompt, maximumTokens: 900, ignoresEndOfSequence: true)
    ) { event in log.take(event) }
    while log.tokenIDs.isEmpty {}
    scripted.engine.cancel(id)
    #expect(log.result()?.reason == .cancelled)
    let next = try scripted.engine.generate([GenerationRequest(promptTokens: prompt, maximumTokens: 3)])[0]
    #expect(next.result.cachedTokens == 96)
    // The cancelled answer may have ended after its first token.
    #expect(zip(next.tokenIDs, log.tokenIDs).allSatisfy { $0 == $1 } && next.tokenIDs.count == 3)
    #expect(scripted.engine.metrics.usedBlockCount == 0)
  }
}
