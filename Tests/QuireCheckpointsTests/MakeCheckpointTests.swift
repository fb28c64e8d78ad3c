import Foundation
import QuireCheckpoints
import QuireJSON
import QuireTensors
import TestSupport
import Testing

/// `tools/make-checkpoint` against the reader.
@Suite(
  .enabled(
    if: (try? Tool("python3")?.run("-c", "import numpy"))??.status == 0, "needs python3 with numpy"))
struct MakeCheckpointTests {
  func make(_ folder: TemporaryFolder, _ arguments: String...) throws -> Checkpoint {
    let python = try #require(Tool("python3"))
    let outcome = try python.run(
      [TestPaths.repository + "/tools/make-checkpoint", "--quiet", folder.path + "/made"] + arguments)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return try Checkpoint(path: folder.path + "/made")
  }

  @Test func makesShardsOfTheRightTensors() throws {
    let folder = TemporaryFolder()
    let checkpoint = try make(folder, "--shape", "tiny", "--shard-bytes", "200k")
    #expect(checkpoint.weightFiles.count == 6 && checkpoint.unlistedTensors == [])
    let tiny = TinyCheckpoint(
      vocabularySize: 1024, hiddenSize: 128, intermediateSize: 256, layerCount: 2, queryHeadCount: 4,
      keyValueHeadCount: 2, headSize: 32)
    for (name, shape) in tiny.tensorShapes {
      let view = try checkpoint.tensor(name, elements: [.bfloat16], shape: shape)
      let values = view.bytes.bindMemory(to: UInt16.self).map { Float(bfloat16Bits: $0) }
      let mean = values.reduce(0, +) / Float(values.count)
      #expect(abs(mean - (name.contains("norm") ? 1 : 0)) < 0.1, "\(name)")
    }
    #expect(checkpoint.tensorNames.count == tiny.tensorShapes.count)
    #expect(checkpoint.configuration["hidden_size"]?.intValue == 128)
  }

  @Test func equalSeedsGiveEqualBytes() throws {
    let hashes = try ["1", "1", "2"].map { seed in
      let folder = TemporaryFolder()
      return try make(folder, "--shape", "tiny-tied", "--seed", seed).sourceHashes()
        .first { $0.file == "model.safetensors" }
    }
    #expect(hashes[0] != nil && hashes[0] == hashes[1] && hashes[0] != hashes[2])
  }
}
