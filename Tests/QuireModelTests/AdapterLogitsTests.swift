import QuireCheckpoints
import QuireModel
import TestSupport
import Testing

/// Adapters of PEFT against the logits that it computes itself (`tools/make-lora-fixtures`).
@Suite struct AdapterLogitsTests {
  @Test(arguments: ["base", "plain", "patterns", "both"])
  func logitsAgreeWithPEFT(name: String) throws {
    let fixtures = TestPaths.repository + "/Tests/QuireCheckpointsTests/Fixtures/lora"
    let golden = GoldenFile(path: fixtures + "/golden.safetensors")
    let names = ["plain": ["plain"], "patterns": ["patterns"], "both": ["plain", "patterns"]][name] ?? []
    let checkpoint = try Checkpoint(
      path: TestPaths.modelFixtures + "/base", adapters: names.map { fixtures + "/" + $0 })
    let logits = try Model(checkpoint: checkpoint).logits(golden.int32s("ids"))
    #expect(largestDifference(logits, golden.floats(name + ".logits")) <= 1e-3)
  }
}
