import Foundation
import QuireCheckpoints
import QuireTensors
import TestSupport
import Testing

/// Checkpoint folders that lack something, or hold what does not belong together.
@Suite struct BadFolderTests {
  /// The sentence of opening a folder, its path replaced.
  func sentence(_ folder: TemporaryFolder, _ path: String? = nil) throws -> String {
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(path: path ?? folder.path) }
    return try #require(error).description.replacing(folder.path, with: "FOLDER")
  }

  func tiny(shards: Int = 1) -> TemporaryFolder {
    let folder = TemporaryFolder()
    TinyCheckpoint(layerCount: 1, shardCount: shards).write(to: folder)
    return folder
  }

  func remove(_ name: String, from folder: TemporaryFolder) throws {
    try FileManager.default.removeItem(atPath: folder.path + "/" + name)
  }

  @Test func pathsThatAreNotAFolder() throws {
    let folder = tiny()
    let advice = "; give the folder that holds config.json"
    #expect(
      try sentence(folder, folder.path + "/nowhere")
        == "expected a checkpoint folder at FOLDER/nowhere, found: it does not exist or is out of reach"
        + advice)
    #expect(
      try sentence(folder, folder.path + "/config.json")
        == "expected a checkpoint folder at FOLDER/config.json, found: it is not a folder" + advice)
    #expect(
      try sentence(folder, "") == "expected a checkpoint folder at \"\", found: it is not a path" + advice)
    #expect(
      try sentence(folder, "a\0b") == "expected a checkpoint folder at \"ab\", found: it is not a path"
        + advice)
  }

  @Test func missingFiles() throws {
    let folder = tiny()
    try remove("model.safetensors", from: folder)
    #expect(
      try sentence(folder)
        == "expected model.safetensors or model.safetensors.index.json in the checkpoint folder FOLDER, "
        + "found none; download the whole checkpoint")
    try remove("config.json", from: folder)
    #expect(
      try sentence(folder)
        == "expected config.json in the checkpoint folder FOLDER, found none; download the whole checkpoint")
  }

  @Test func malformedConfiguration() throws {
    let folder = tiny()
    folder.write("{\"a\": 1,}".utf8, to: "config.json")
    #expect(
      try sentence(folder).hasPrefix("expected valid JSON in FOLDER/config.json, found a fault at line 1, "))
    folder.write("[1]".utf8, to: "config.json")
    #expect(
      try sentence(folder)
        == "expected a JSON object in FOLDER/config.json, found an array; download the file again")
    folder.write("".utf8, to: "config.json")
    #expect(try sentence(folder).hasPrefix("expected valid JSON in FOLDER/config.json, found a fault at "))
  }

  @Test func filesThatAreNoFiles() throws {
    let advice = "; check that the whole checkpoint is there and readable"
    let folder = tiny()
    try remove("config.json", from: folder)
    try FileManager.default.createDirectory(
      atPath: folder.path + "/config.json", withIntermediateDirectories: false)
    #expect(
      try sentence(folder) == "expected to read FOLDER/config.json, found: it is a folder" + advice)
    let other = tiny()
    let weights = "expected to read FOLDER/model.safetensors, found: "
    try remove("model.safetensors", from: other)
    #expect(mkfifo(other.path + "/model.safetensors", 0o600) == 0)
    #expect(try sentence(other) == weights + "it is a pipe" + advice)
    try remove("model.safetensors", from: other)
    #expect(symlink("nowhere", other.path + "/model.safetensors") == 0)
    #expect(try sentence(other) == weights + "no such file or directory" + advice)
  }

  @Test(.enabled(if: getuid() != 0, "the superuser may read everything"))
  func unreadableFile() throws {
    let folder = tiny()
    #expect(chmod(folder.path + "/model.safetensors", 0) == 0)
    #expect(try sentence(folder).contains("model.safetensors, found: permission denied; "))
  }

  /// Nothing is known of a folder that may be seen but not entered.
  @Test(.enabled(if: getuid() != 0, "the superuser may enter everything"))
  func aFolderThatMayNotBeEntered() throws {
    let folder = tiny()
    #expect(chmod(folder.path, 0o600) == 0)
    defer { _ = chmod(folder.path, 0o700) }
    #expect(
      try sentence(folder)
        == "expected to read FOLDER/config.json, found: permission denied; check that the whole checkpoint is there "
        + "and readable")
  }

  @Test func missingShard() throws {
    let folder = tiny(shards: 2)
    try remove("model-00002-of-00002.safetensors", from: folder)
    #expect(
      try sentence(folder)
        == "expected 2 shards with model-00002-of-00002.safetensors among them by "
        + "FOLDER/model.safetensors.index.json, found none of that name; "
        + "download index and shards of one checkpoint")
  }

  @Test func cutShard() throws {
    let folder = tiny(shards: 2)
    let path = folder.path + "/model-00001-of-00002.safetensors"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    folder.write(bytes.dropLast(), to: "model-00001-of-00002.safetensors")
    #expect(try sentence(folder).contains("expected data_offsets within the file's"))
  }

  @Test func tensorInAnotherShard() throws {
    let folder = tiny(shards: 2)
    let path = folder.path + "/" + CompanionFile.weightIndex.name
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let swapped = text.replacing(
      "\"model.embed_tokens.weight\": \"model-00001-of-00002.safetensors\"",
      with: "\"model.embed_tokens.weight\": \"model-00002-of-00002.safetensors\"")
    #expect(swapped != text)
    folder.write(swapped.utf8, to: CompanionFile.weightIndex.name)
    #expect(
      try sentence(folder)
        == "expected tensor \"model.embed_tokens.weight\" in model-00002-of-00002.safetensors by "
        + "FOLDER/model.safetensors.index.json, found it in model-00001-of-00002.safetensors; "
        + "download index and shards of one checkpoint")
    folder.write(
      text.replacing("model.norm.weight", with: "model.norm.bias").utf8, to: CompanionFile.weightIndex.name)
    #expect(try sentence(folder).contains("found it in no shard; "))
  }

  @Test(arguments: [
    "../model.safetensors", "/etc/passwd", "..", ".", "", "a/../b", "a//b", "a/./b", "a/", "a\0b",
  ])
  func indexThatLeadsElsewhere(_ name: String) throws {
    let folder = tiny()
    try remove("model.safetensors", from: folder)
    let escaped = name.replacing("\0", with: "\\u0000")
    folder.write("{\"weight_map\":{\"t\":\"\(escaped)\"}}".utf8, to: CompanionFile.weightIndex.name)
    #expect(
      try sentence(folder)
        == "expected the path of a file within the same folder for tensor \"t\" in "
        + "FOLDER/model.safetensors.index.json, found \"\(name.replacing("\0", with: ""))\"; "
        + "download the file again")
  }

  @Test(arguments: [
    ("{}", "none"), ("{\"weight_map\":[]}", "an array"), ("{\"weight_map\":{}}", "an empty one"),
  ])
  func indexWithoutMap(_ text: String, _ found: String) throws {
    let folder = tiny()
    try remove("model.safetensors", from: folder)
    folder.write(text.utf8, to: CompanionFile.weightIndex.name)
    #expect(
      try sentence(folder)
        == "expected a \"weight_map\" of tensors and files in FOLDER/model.safetensors.index.json, found \(found); "
        + "download the file again")
  }

  @Test func tensorsOfAnotherKind() throws {
    let folder = tiny()
    let checkpoint = try Checkpoint(path: folder.path)
    func sentence(_ name: String, _ elements: Set<ElementType>, _ shape: [Int]) throws -> String {
      let error = #expect(throws: CheckpointError.self) {
        try checkpoint.tensor(name, elements: elements, shape: shape)
      }
      return try #require(error).description.replacing(folder.path, with: "FOLDER")
    }
    #expect(
      try sentence("model.norm.bias", [.bfloat16], [64])
        == "expected tensor \"model.norm.bias\" in FOLDER, found none; "
        + "check that the weights belong to its config.json")
    #expect(
      try sentence("model.norm.weight", [.bfloat16, .float32], [65])
        == "expected tensor \"model.norm.weight\" in FOLDER/model.safetensors as BF16, F32 [65], "
        + "found BF16 [64]; check that the weights belong to the config.json in their folder")
    #expect(try sentence("model.norm.weight", [.float32], [64]).contains("as F32 [64], found BF16 [64]; "))
  }
}
