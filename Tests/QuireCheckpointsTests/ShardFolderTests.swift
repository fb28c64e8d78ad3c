import Foundation
import QuireCheckpoints
import TestSupport
import Testing

/// Shards in folders inside that of the checkpoint.
@Suite struct ShardFolderTests {
  private static let second = "model-00002-of-00002.safetensors"

  @Test func anIndexMayNameFilesInFolders() throws {
    let folder = TemporaryFolder()
    TinyCheckpoint(shardCount: 2).write(to: folder)
    let names = try Checkpoint(path: folder.path).tensorNames
    try folder.makeFolder("part2")
    try FileManager.default.moveItem(
      atPath: folder.path + "/" + Self.second, toPath: folder.path + "/part2/" + Self.second)
    let index = folder.path + "/" + CompanionFile.weightIndex.name
    let text = try String(contentsOfFile: index, encoding: .utf8)
    folder.write(
      text.replacing(Self.second, with: "part2/" + Self.second).utf8, to: CompanionFile.weightIndex.name)
    #expect(Checkpoint.shardPaths(ofFolder: folder.path).contains(folder.path + "/part2/" + Self.second))
    let checkpoint = try Checkpoint(path: folder.path)
    #expect(checkpoint.tensorNames == names && checkpoint.unlistedTensors == [])
    #expect(try checkpoint.sourceHashes().map(\.file).contains("part2/" + Self.second))
  }
}
