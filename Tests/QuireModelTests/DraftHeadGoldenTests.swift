import QuireCheckpoints
import QuireModel
import QuireTensors
import TestSupport
import Testing

/// A draft head computes what PyTorch computes from the published method (`tools/make-eagle3-goldens`).
@Suite struct DraftHeadGoldenTests {
  private static let folder = TestPaths.modelFixtures + "/eagle3"
  private static let tolerance: Float = 1e-3

  @Test func featuresAndDraftsAgree() throws {
    let golden = GoldenFile(path: Self.folder + "/golden.safetensors")
    let compute = Compute(threadCount: 2)
    let model = try Model(checkpoint: Checkpoint(path: TestPaths.modelFixtures + "/sharded"))
    let head = try DraftHead(
      Checkpoint(path: Self.folder), target: model.configuration, format: .bf16, team: compute.team)
    #expect(head.featureLayers == [2, 1, 0])
    let ids = golden.int32s("ids")
    let target = ForwardPass(
      model: model, cache: KeyValueCache(model.configuration, blockCount: 2, element: .float32),
      compute: compute, maximumRows: ids.count, featureLayers: head.featureLayers)
    _ = target.run(
      ForwardBatch(
        tokens: ids, sequences: [.init(rowCount: ids.count, firstPosition: 0, blocks: [1, 0])], logitRows: [])
    )
    let features = try #require(target.features)
    let kept = (0..<ids.count - 1).flatMap { row in
      Array(UnsafeBufferPointer(start: features.row(row), count: features.width))
    }
    #expect(largestDifference(kept, golden.floats("features")) < Self.tolerance)
    let pass = DraftHeadPass(
      head, embedding: model.embedding,
      cache: KeyValueCache(head.configuration.model, blockCount: 3, element: .float32), compute: compute,
      maximumRows: ids.count, maximumLogitRows: 1)
    let first = Int(golden.int32s("first")[0])
    // The second round overwrites the keys and values of the first one's drafts.
    for (name, known, stored) in [("first", first, 0), ("second", ids.count, first - 1)] {
      let drafts = golden.int32s("drafts.\(name)")
      let expected = golden.floats("logits.\(name)")
      let width = head.targetIDs.count
      for step in drafts.indices {
        let tokens = step == 0 ? Array(ids[stored + 1..<known]) : [drafts[step - 1]]
        let batch = ForwardBatch(
          tokens: tokens,
          sequences: [
            .init(
              rowCount: tokens.count, firstPosition: step == 0 ? stored : known - 2 + step, blocks: [2, 0, 1])
          ], logitRows: [tokens.count - 1])
        let logits = Array(
          pass.run(batch, from: step == 0 ? .features(features.row(stored)) : .outputs([0])))
        #expect(
          largestDifference(logits, Array(expected[step * width..<(step + 1) * width])) < Self.tolerance)
        let likeliest = logits.indices.max { logits[$0] < logits[$1] } ?? 0
        #expect(head.targetIDs[likeliest] == drafts[step])
      }
    }
  }
}
