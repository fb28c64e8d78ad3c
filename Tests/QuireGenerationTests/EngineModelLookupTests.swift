import QuireCheckpoints
import QuireGeneration
import QuireModel
import QuireTensors
import QuireText
import TestSupport
import Testing

/// On real forward passes: with drafts, every bit of an answer is what it is without.
@Suite(.serialized) struct EngineModelLookupTests {
  typealias Answer = EngineModelTests.Answer
  typealias Cut = EngineModelTests.Cut

  private func options(_ lookup: LookupMode, _ cut: Cut = Cut(threads: 1, slots: 1, budget: 256, blocks: 32))
    -> EngineOptions
  {
    EngineOptions(
      threadCount: cut.threads, maximumSlots: cut.slots, tokenBudget: cut.budget, contextLength: 288,
      cacheBlockCount: cut.blocks, keyValueElement: .float16, lookup: lookup)
  }

  /// Half of the prompts repeat themselves, half do not. Log-probabilities make the comparison one of bits.
  private static func requests(_ sampling: SamplingParameters) -> [GenerationRequest] {
    var requests = EngineModelTests.requests(sampling)
    var generator = SeededGenerator(seed: 8)
    for index in stride(from: 0, to: requests.count, by: 2) {
      let passage = generator.tokens(5 + index, vocabularySize: 256)
      requests[index].promptTokens = Array(repeatElement(passage, count: 4).joined())
      requests[index].maximumTokens = 60
    }
    return requests
  }

  /// Cold, so that a random model comes back to what it said before.
  private static let samplings = [
    SamplingParameters.greedy, SamplingParameters(temperature: 0.2, topP: 0.95, frequencyPenalty: 0.01),
  ]

  @Test(arguments: samplings.indices, [false, true])
  func randomModelsAnswerTheSame(index: Int, isQuantized: Bool) throws {
    let model = isQuantized ? EngineModelTests.quantizedModel : EngineModelTests.model
    let requests = Self.requests(Self.samplings[index])
    let plain = try Engine(model: model, tokenizer: tinyTokenizer, options: options(.off))
    let expected = try plain.generate(requests).map(Answer.init)
    let cuts = [EngineModelTests.cuts[1], EngineModelTests.cuts[3], EngineModelTests.cuts[4]]
    for (cut, lookup) in zip(cuts, [LookupMode.eager, .adaptive, .eager]) {
      let engine = try Engine(model: model, tokenizer: tinyTokenizer, options: options(lookup, cut))
      #expect(try engine.generate(requests).map(Answer.init) == expected)
      let metrics = engine.metrics
      // When an adaptive engine drafts depends on the time its steps take.
      if lookup == .eager {
        #expect(metrics.acceptedDraftCount > 20)
        #expect((metrics.preemptionCount > 0) == (cut.blocks < 30))
      }
      #expect(metrics.usedBlockCount == 0)
    }
  }

  /// A trained model that quotes: its answer is the same, in far fewer steps.
  @Test(arguments: samplings.indices)
  func theDemoModelAnswersTheSame(index: Int) throws {
    let folder = TestPaths.repository + "/recipes/demo/checkpoint"
    let model = try Model(checkpoint: Checkpoint(path: folder))
    let tokenizer = try Tokenizer(folder: folder)
    let texts = [
      "red green blue red green blue red green blue red green", "What is 347+285?",
      "Repeat: the quick brown fox jumps over the lazy dog. the quick brown fox jumps",
    ]
    let requests = texts.map { text in
      var sampling = Self.samplings[index]
      sampling.seed = 9
      return GenerationRequest(
        promptTokens: tokenizer.encode(text), sampling: sampling, maximumTokens: 48,
        ignoresEndOfSequence: true,
        logprobCount: 1)
    }
    let plain = try Engine(model: model, tokenizer: tokenizer, options: options(.off))
    let expected = try plain.generate(requests).map(Answer.init)
    for lookup in [LookupMode.eager, .adaptive] {
      let engine = try Engine(
        model: model, tokenizer: tokenizer,
        options: options(lookup, Cut(threads: 2, slots: 3, budget: 64, blocks: 32)))
      #expect(try engine.generate(requests).map(Answer.init) == expected)
      if lookup == .eager {
        #expect(engine.metrics.acceptedDraftCount > 10)
        #expect(engine.metrics.stepCount < plain.metrics.stepCount)
      }
    }
  }
}
