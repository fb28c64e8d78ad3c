import QuireCheckpoints
import QuireGeneration
import QuireModel
import QuireTensors
import TestSupport
import Testing

/// The promise on a real forward pass: an answer depends on its request alone, to the bit.
@Suite(.serialized) struct EngineModelTests {
  /// How a step is cut up: threads, slots, tokens a step, cache blocks.
  struct Cut: CustomTestStringConvertible {
    let threads: Int
    let slots: Int
    let budget: Int
    let blocks: Int
    var testDescription: String { "\(threads) threads, \(slots) slots, \(budget) tokens, \(blocks) blocks" }
  }

  static let cuts = [
    Cut(threads: 1, slots: 16, budget: 512, blocks: 128),
    Cut(threads: 2, slots: 16, budget: 512, blocks: 128),
    Cut(threads: 1, slots: 16, budget: 16, blocks: 128),
    Cut(threads: 2, slots: 16, budget: 19, blocks: 24),
    Cut(threads: 1, slots: 5, budget: 7, blocks: 9),
    Cut(threads: 2, slots: 16, budget: 64, blocks: 13),
  ]

  static let model: Model = {
    do {
      let folder = TemporaryFolder()
      TinyCheckpoint(queryHeadCount: 4, keyValueHeadCount: 2, seed: 3).write(to: folder)
      return try Model(checkpoint: Checkpoint(path: folder.path))
    } catch {
      preconditionFailure("\(error)")
    }
  }()

  static let quantizedModel: Model = {
    do {
      return try Model.random(
        model.configuration, format: WeightFormat(scheme: .int4, group: 32),
        embeddingFormat: WeightFormat(scheme: .int8, group: 32), seed: 4, team: ThreadTeam(threadCount: 1))
    } catch {
      preconditionFailure("\(error)")
    }
  }()

  /// Sixteen prompts of 1 to 200 tokens. Log-probabilities make the comparison one of bits.
  static func requests(_ sampling: SamplingParameters) -> [GenerationRequest] {
    var generator = SeededGenerator(seed: 21)
    return (0..<16).map { index in
      let count = [1, 2, 31, 32, 33, 64, 100, 200][index % 8]
      var sampling = sampling
      if sampling.temperature > 0 { sampling.seed = UInt64(index) }
      return GenerationRequest(
        promptTokens: generator.tokens(count, vocabularySize: 256), sampling: sampling,
        maximumTokens: 70 + index, ignoresEndOfSequence: true, logprobCount: 2)
    }
  }

  private func engine(_ model: Model, _ cut: Cut) throws -> Engine {
    try Engine(
      model: model, tokenizer: tinyTokenizer,
      options: EngineOptions(
        threadCount: cut.threads, maximumSlots: cut.slots, tokenBudget: cut.budget, contextLength: 288,
        cacheBlockCount: cut.blocks, keyValueElement: .float16))
  }

  private static func answersAlone(_ model: Model, _ requests: [GenerationRequest]) throws -> [Answer] {
    let options = EngineOptions(
      threadCount: 1, maximumSlots: 1, tokenBudget: 256, contextLength: 288, keyValueElement: .float16)
    let engine = try Engine(model: model, tokenizer: tinyTokenizer, options: options)
    return try requests.map { Answer(try engine.generate([$0])[0]) }
  }

  /// What must be equal: everything but the timings.
  struct Answer: Equatable {
    let content: String
    let tokens: [TokenRecord]
    let reason: FinishReason

    init(_ output: GenerationOutput) {
      content = output.content
      tokens = output.tokens
      reason = output.result.reason
    }
  }

  static let greedyAlone = Result { try answersAlone(model, requests(.greedy)) }
  static let sampled = SamplingParameters(temperature: 1.2, topP: 0.95, topK: 50, presencePenalty: 0.5)
  static let sampledAlone = Result { try answersAlone(model, requests(sampled)) }

  @Test(arguments: cuts)
  func sixteenGreedyStreamsEqualEachPromptAlone(cut: Cut) throws {
    let engine = try engine(Self.model, cut)
    let together = try engine.generate(Self.requests(.greedy)).map(Answer.init)
    #expect(together == (try Self.greedyAlone.get()))
    #expect(Set(together.map { $0.tokens.map(\.id) }).count > 8, "the answers differ from each other")
    // Tight pools are there to force preemption. On a busy machine answers may end before the others are asked for.
    for _ in 0..<4 where cut.blocks < 30 && engine.metrics.preemptionCount == 0 {
      #expect(try engine.generate(Self.requests(.greedy)).map(Answer.init) == together)
    }
    let metrics = engine.metrics
    #expect((metrics.preemptionCount > 0) == (cut.blocks < 30))
    #expect(metrics.usedBlockCount == 0)
  }

  @Test(arguments: cuts)
  func seededSamplingEqualsEachPromptAlone(cut: Cut) throws {
    let engine = try engine(Self.model, cut)
    let requests = Self.requests(Self.sampled)
    #expect(try engine.generate(requests).map(Answer.init) == Self.sampledAlone.get())
    // Once more, in another order, on a cache that holds other requests' leftovers.
    let reversed = try engine.generate(requests.reversed()).map(Answer.init)
    #expect(Array(reversed.reversed()) == (try Self.sampledAlone.get()))
  }

  @Test func quantizedModelsKeepThePromiseToo() throws {
    let alone = try Self.answersAlone(Self.quantizedModel, Self.requests(.greedy))
    for cut in Self.cuts[2...] {
      let engine = try engine(Self.quantizedModel, cut)
      #expect(try engine.generate(Self.requests(.greedy)).map(Answer.init) == alone)
    }
  }

  @Test func differentSeedsGiveDifferentAnswers() throws {
    let engine = try engine(Self.model, Self.cuts[0])
    let requests = (0..<8).map { seed in
      GenerationRequest(
        promptTokens: [40, 41], sampling: SamplingParameters(seed: seed), maximumTokens: 20,
        ignoresEndOfSequence: true)
    }
    #expect(Set(try engine.generate(requests).map(\.tokenIDs)).count == 8)
    var unseeded = requests[0]
    unseeded.sampling.seed = nil
    #expect(Set(try engine.generate([unseeded, unseeded, unseeded]).map(\.tokenIDs)).count == 3)
  }

  /// Prompt log-probabilities are those of feeding the prompt's beginnings, whatever the cut.
  @Test func promptScoresDoNotDependOnTheCut() throws {
    var request = Self.requests(.greedy)[7]
    request.wantsPromptLogprobs = true
    let whole = try engine(Self.model, Self.cuts[0]).generate([request])[0]
    #expect(whole.prompt.count == 200)
    for cut in Self.cuts[1...] {
      let others = Self.requests(Self.sampled)
      let outputs = try engine(Self.model, cut).generate(others + [request])
      #expect(outputs[16].prompt == whole.prompt)
      #expect(outputs[16].tokens == whole.tokens)
    }
    // Position by position: the score of token i is its log-probability as an answer to the first i tokens.
    let prompt = request.promptTokens
    for index in [1, 2, 33, 199] {
      var sampling = SamplingParameters.greedy
      sampling.logitBias = [prompt[index]: 100]
      let answer = try engine(Self.model, Self.cuts[0]).generate([
        GenerationRequest(
          promptTokens: Array(prompt[..<index]), sampling: sampling, maximumTokens: 1, logprobCount: 0)
      ])[0]
      #expect(answer.tokenIDs == [prompt[index]])
      #expect(answer.tokens[0].logprob == whole.prompt[index].logprob)
    }
  }
}
