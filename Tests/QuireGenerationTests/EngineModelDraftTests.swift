import QuireCheckpoints
import QuireGeneration
import QuireModel
import QuireTensors
import QuireText
import TestSupport
import Testing

/// On real forward passes: with a draft model, every bit of an answer is what it is without.
@Suite(.serialized) struct EngineModelDraftTests {
  typealias Answer = EngineModelTests.Answer
  typealias Cut = EngineModelTests.Cut

  private func options(_ cut: Cut, _ mode: LookupMode, lookup: LookupMode = .off, prefixes: Bool = false)
    -> EngineOptions
  {
    EngineOptions(
      threadCount: cut.threads, maximumSlots: cut.slots, tokenBudget: cut.budget, contextLength: 288,
      cacheBlockCount: cut.blocks, keyValueElement: .float16, lookup: lookup, modelDrafts: mode,
      keepsPrefixes: prefixes)
  }

  private static let samplings = [EngineModelTests.sampled, .greedy]

  /// A draft model of the same checkpoint in another format, and one of other sizes.
  @Test(arguments: samplings.indices, [true, false])
  func randomModelsAnswerTheSame(index: Int, isRelated: Bool) throws {
    let requests = EngineModelTests.requests(Self.samplings[index])
    let draft =
      isRelated ? EngineModelTests.model : try Self.first(layers: 1, of: EngineModelTests.quantizedModel)
    let target = isRelated ? try Self.first(layers: 1, of: EngineModelTests.model) : EngineModelTests.model
    let plain = try Engine(
      model: target, tokenizer: tinyTokenizer,
      options: options(Cut(threads: 1, slots: 1, budget: 256, blocks: 32), .off))
    let expected = try plain.generate(requests).map(Answer.init)
    for (cut, mode) in zip(EngineModelTests.cuts, [LookupMode.eager, .adaptive, .eager, .eager, .adaptive]) {
      let engine = try Engine(
        model: target, tokenizer: tinyTokenizer, draft: .model(draft),
        options: options(cut, mode, lookup: cut.threads == 2 ? .eager : .off, prefixes: cut.budget > 100))
      #expect(try engine.generate(requests).map(Answer.init) == expected)
      #expect(engine.metrics.usedBlockCount == 0)
      if mode == .eager { #expect(engine.metrics.modelDraftedTokenCount > 100) }
    }
  }

  /// A trained model drafts for itself: greedy drafts are all right, and the answer takes a fraction of the steps.
  @Test func theDemoModelDraftsForItself() throws {
    let folder = TestPaths.repository + "/recipes/demo/checkpoint"
    let model = try Model(checkpoint: Checkpoint(path: folder))
    let tokenizer = try Tokenizer(folder: folder)
    let requests = ["What is 347+285?", "Sort the words: pear, fig, apple", "red green blue"].map {
      GenerationRequest(
        promptTokens: tokenizer.encode($0), sampling: .greedy, maximumTokens: 48, ignoresEndOfSequence: true,
        logprobCount: 1)
    }
    let cut = Cut(threads: 2, slots: 3, budget: 64, blocks: 32)
    let plain = try Engine(model: model, tokenizer: tokenizer, options: options(cut, .off))
    let expected = try plain.generate(requests).map(Answer.init)
    for draft in [model, try Self.first(layers: model.configuration.layerCount - 1, of: model)] {
      let engine = try Engine(
        model: model, tokenizer: tokenizer, draft: .model(draft), options: options(cut, .eager))
      #expect(try engine.generate(requests).map(Answer.init) == expected)
      let metrics = engine.metrics
      #expect(metrics.stepCount < plain.metrics.stepCount)
      if draft === model {
        #expect(metrics.modelAcceptedDraftCount == metrics.modelDraftedTokenCount)
        #expect(metrics.modelAcceptedDraftCount > 100)
      }
    }
  }

  /// The model without its last layers: a draft model that is often wrong.
  private static func first(layers count: Int, of model: Model) throws -> Model {
    let configuration = model.configuration
    return Model(
      configuration: configuration.replacingLayers(Array(configuration.layers.prefix(count))),
      embedding: model.embedding, layers: Array(model.layers.prefix(count)), finalNorm: model.finalNorm,
      head: configuration.tiesEmbeddings ? nil : model.head)
  }

  @Test func theDraftModelsCacheCountsInTheMemory() throws {
    let configuration = EngineModelTests.model.configuration
    var options = EngineOptions(contextLength: 64, cacheBytes: 1 << 20)
    (options.maximumSlots, options.tokenBudget) = (1024, 1024)
    let alone = try EngineShape(options, configuration: configuration, vocabularySize: 300)
    let both = try EngineShape(
      options, configuration: configuration, draft: configuration, vocabularySize: 300)
    #expect(both.blockCount == alone.blockCount / 2)
    #expect(alone.modelDrafts == .off && both.modelDrafts == .adaptive)
  }
}
