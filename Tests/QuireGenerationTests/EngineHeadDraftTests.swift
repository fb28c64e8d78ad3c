import QuireCheckpoints
import QuireGeneration
import QuireModel
import QuireTensors
import QuireText
import TestSupport
import Testing

/// On real forward passes: with a draft head, every bit of an answer is what it is without.
@Suite(.serialized) struct EngineHeadDraftTests {
  typealias Answer = EngineModelTests.Answer
  typealias Cut = EngineModelTests.Cut

  private static let model = Result {
    try Model(checkpoint: Checkpoint(path: TestPaths.modelFixtures + "/sharded"))
  }

  private static func head() throws -> DraftHead {
    try DraftHead(
      Checkpoint(path: TestPaths.modelFixtures + "/eagle3"), target: try model.get().configuration,
      team: ThreadTeam(threadCount: 1))
  }

  /// Another head of the same sizes has the same drafts whatever the cut of the steps is; all are verified.
  @Test(arguments: [SamplingParameters.greedy, EngineModelTests.sampled], [false, true])
  func answersAreTheSame(sampling: SamplingParameters, keepsPrefixes: Bool) throws {
    let model = try Self.model.get()
    let requests = EngineModelTests.requests(sampling)
    func options(_ cut: Cut, _ mode: LookupMode, lookup: LookupMode = .off) -> EngineOptions {
      EngineOptions(
        threadCount: cut.threads, maximumSlots: cut.slots, tokenBudget: cut.budget, contextLength: 288,
        cacheBlockCount: cut.blocks, keyValueElement: .float16, lookup: lookup, modelDrafts: mode,
        keepsPrefixes: keepsPrefixes)
    }
    let plain = try Engine(
      model: model, tokenizer: .bytes(),
      options: options(Cut(threads: 1, slots: 1, budget: 256, blocks: 32), .off))
    let expected = try plain.generate(requests).map(Answer.init)
    for (cut, mode) in zip(EngineModelTests.cuts, [LookupMode.eager, .adaptive, .eager, .eager, .eager]) {
      let engine = try Engine(
        model: model, tokenizer: .bytes(), draft: .head(Self.head()),
        options: options(cut, mode, lookup: cut.budget == 19 ? .eager : .off))
      #expect(try engine.generate(requests).map(Answer.init) == expected)
      #expect(engine.metrics.usedBlockCount == 0)
      if mode == .eager { #expect(engine.metrics.modelDraftedTokenCount > 100) }
    }
  }

  /// From its first step on, whatever the times are.
  @Test func theFirstRequestIsFollowed() throws {
    let engine = try Engine(
      model: try Self.model.get(), tokenizer: .bytes(), draft: .head(try Self.head()),
      options: EngineOptions(threadCount: 1, maximumSlots: 1, contextLength: 288, cacheBlockCount: 9))
    let request = GenerationRequest(promptTokens: (0..<64).map { Int32($0 + 32) }, maximumTokens: 2)
    _ = try engine.generate([request])
    #expect(engine.metrics.draftModelTokenCount >= 63)
  }

  @Test func aHeadOfAnotherModelIsRefused() throws {
    #expect(throws: ModelError.self) {
      try DraftHead(
        Checkpoint(path: TestPaths.modelFixtures + "/eagle3"),
        target: EngineModelTests.model.configuration, team: ThreadTeam(threadCount: 1))
    }
  }
}
