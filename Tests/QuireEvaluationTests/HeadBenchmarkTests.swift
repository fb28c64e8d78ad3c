import QuireEvaluation
import QuireGeneration
import QuireModel
import QuireTensors
import Testing

/// A draft head in a speed benchmark. That its drafts change no token is checked by the benchmark itself.
@Suite(.serialized) struct HeadBenchmarkTests {
  private static let configuration = SpeedBenchmarkTests.configuration
  private static let head = DraftHeadConfiguration.published(for: configuration)

  private static func plan(tokens: Int, context: Int = 32) -> SpeedPlan {
    SpeedPlan(
      promptTokens: [], generateTokens: tokens, batches: [1, 3], contexts: [context],
      measuresDraftModel: true)
  }

  @Test func everyAcceptanceGetsARow() throws {
    let compute = Compute(threadCount: 2)
    let head = try DraftHead.random(
      Self.head, target: Self.configuration, seed: 3, team: compute.team)
    let benchmark = try SpeedBenchmark(
      model: try SpeedBenchmarkTests.model(compute), draft: .head(head), name: "tiny",
      plan: Self.plan(tokens: 40), compute: compute)
    let report = try benchmark.run(version: "1.2.3", processor: "a test") { _, _, _ in }
    let rows = report.rows.filter { $0.plan.phase == .draft }
    #expect(rows.map(\.plan.batch) == [1, 1, 1, 3, 3, 3])
    #expect(rows.compactMap(\.draft?.acceptance) == [0, 0.4, 0.7, 0, 0.4, 0.7])
    for row in rows {
      let draft = try #require(row.draft)
      #expect(draft.tokenCount >= row.plan.batch * 40)
      #expect(draft.acceptedDraftCount <= draft.draftCount)
      // Whether drafts pay depends on times; that none is right where none may be does not.
      if draft.acceptance == 0 { #expect(draft.acceptedDraftCount == 0) }
      if draft.acceptance == 0.7 && draft.draftCount > 40 {
        #expect(Double(draft.acceptedDraftCount) > 0.3 * Double(draft.draftCount))
      }
      #expect(row.tokensPerSecond > 0 && draft.plainTokensPerSecond > 0 && row.shareOfRoofline > 0)
    }
    // One engine's head may be off all the time, on a busy machine; all of them are not.
    #expect(rows.reduce(0) { $0 + ($1.draft?.draftModelTokenCount ?? 0) } > 0)
    #expect(report.table(width: 120).contains("share of right drafts prescribed to the engine"))
  }

  @Test func theSizeIsThatOfPublishedHeads() throws {
    let target = try #require(PublishedShape(named: "qwen3-8b")).configuration
    let head = DraftHeadConfiguration.published(for: target)
    #expect(head.model.vocabularySize == 32_000 && head.model.layers == [target.layers[0]])
    #expect(try head.featureLayers(of: target) == [2, 18, 33])
    // fc in bf16, the other matrices in int8.
    let (width, wide) = (4096, 12_288)
    let attention = 2 * width * (4096 + 2 * 1024) + 4096 * width
    let matrices = 2 * width * 3 * width + attention + 3 * width * wide + 32_000 * width
    let bytes = DraftHead.randomWeightBytes(head)
    #expect(bytes > matrices && Double(bytes) < 1.001 * Double(matrices))
    // Of a model cut to one layer, the layers that are there.
    let cut = target.replacingLayers([target.layers[0]])
    #expect(try DraftHeadConfiguration.published(for: cut).featureLayers(of: cut) == [1, 0, 0])
  }

  @Test func theHeadCountsInThePlanOfMemory() {
    let plan = Self.plan(tokens: 8)
    let without = SpeedMemory(plan, configuration: Self.configuration, weightBytes: 0)
    let with = SpeedMemory(plan, configuration: Self.configuration, draft: .head(Self.head), weightBytes: 0)
    // Four engines of three sequences with four blocks each; the head's caches have a block more for each sequence.
    let (blockBytes, headBlockBytes) = (2 * 2 * 2 * 16 * 32 * 2, 2 * 2 * 16 * 32 * 2)
    #expect(with.cacheBytes - without.cacheBytes == 4 * (12 * blockBytes + 15 * headBlockBytes))
    // Three hidden states of each row of a step, of each pending row and of each row of a pass.
    #expect(with.workspaceBytes - without.workspaceBytes > 4 * (256 + 3 * 48 + 256) * 3 * 64 * 4)
  }
}
