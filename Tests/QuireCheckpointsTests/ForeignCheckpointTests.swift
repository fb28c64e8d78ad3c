import Foundation
import QuireCheckpoints
import TestSupport
import Testing

/// Folders and files that are something else than a checkpoint: the refusal says what they are and what works.
@Suite struct ForeignCheckpointTests {
  private func sentence(_ folder: TemporaryFolder) throws -> String {
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(path: folder.path) }
    return try #require(error).description.replacing(folder.path, with: "FOLDER")
  }

  private func folder(_ files: [String]) -> TemporaryFolder {
    let folder = TemporaryFolder()
    for name in files { folder.write("{}".utf8, to: name) }
    return folder
  }

  @Test(arguments: [
    (
      ["adapter_config.json", "adapter_model.safetensors"],
      "an adapter (adapter_config.json) without its model; merge it"
    ),
    (
      ["config.json", "adapter_model.safetensors"],
      "an adapter (adapter_model.safetensors) without its model; merge it"
    ),
    (["qwen.Q4_K_M.gguf"], "the GGUF file qwen.Q4_K_M.gguf; give the path of the GGUF file itself"),
    (["model.safetensors"], "model.safetensors without config.json; download the config.json"),
    (["pytorch_model.bin"], "pytorch_model.bin without config.json; download the config.json"),
    (
      ["config.json", "pytorch_model-00001-of-00002.bin"],
      "PyTorch weights (pytorch_model-00001-of-00002.bin); save them"
    ),
    (
      ["config.json", "consolidated.00.pth"],
      "PyTorch weights (consolidated.00.pth); save them as safetensors"
    ),
    (
      ["config.json", "tf_model.h5"],
      "the weights of another framework (tf_model.h5); save them as safetensors"
    ),
    (["config.json", "qwen.gguf"], "the GGUF file qwen.gguf; give the path of the GGUF file itself"),
    (
      ["config.json", "model-00001-of-00002.safetensors"],
      "model-00001-of-00002.safetensors, but neither model.safetensors nor model.safetensors.index.json; download"
    ),
  ])
  func foldersAreNamed(files: [String], found: String) throws {
    let sentence = try sentence(folder(files))
    #expect(
      sentence.hasPrefix(
        "expected a checkpoint folder with config.json and safetensors at FOLDER, found \(found)"))
  }

  @Test func aFolderAboveTheCheckpointNamesIt() throws {
    let folder = TemporaryFolder()
    let inner = folder.path + "/models--Qwen--Qwen3-8B/snapshots/0123abcd"
    try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: true)
    let cache = #expect(throws: CheckpointError.self) {
      try Checkpoint(path: folder.path + "/models--Qwen--Qwen3-8B")
    }
    #expect(cache?.description.hasSuffix("found a download cache; give its snapshot \(inner)") == true)
    _ = FileManager.default.createFile(atPath: inner + "/config.json", contents: Data("{}".utf8))
    let above = #expect(throws: CheckpointError.self) {
      try Checkpoint(path: folder.path + "/models--Qwen--Qwen3-8B/snapshots")
    }
    #expect(above?.description.contains("give one of them, for example \(inner)") == true)
  }

  @Test(arguments: [
    (
      Array("version https://git-lfs.github.com/spec/v1\noid sha256:0".utf8),
      "a Git LFS pointer instead of the file; run git lfs"
    ),
    (Array("<!DOCTYPE html><html>".utf8), "a web page; download the file itself"),
    (Array("GGUF\u{3}\0\0\0\0\0\0".utf8), "a GGUF file; give the path of the GGUF file itself"),
    (
      Array("PK\u{3}\u{4}\0\0\0\0\0\0archive/data.pkl".utf8),
      "a zip archive, as PyTorch writes its weights; save them"
    ),
    (
      [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20],
      "a Python pickle, as PyTorch writes its weights; save"
    ),
  ])
  func filesNamedAsWeightsAreNamed(bytes: [UInt8], found: String) throws {
    let folder = TemporaryFolder()
    TinyCheckpoint().write(to: folder)
    folder.write(bytes, to: "model.safetensors")
    #expect(
      try sentence(folder).hasPrefix(
        "expected a safetensors file at FOLDER/model.safetensors, found \(found)"))
  }

  @Test(arguments: ["config.json", "generation_config.json"])
  func pointersNamedAsDocumentsAreNamed(name: String) throws {
    let folder = TemporaryFolder()
    TinyCheckpoint().write(to: folder)
    folder.write("version https://git-lfs.github.com/spec/v1\noid sha256:0\n".utf8, to: name)
    #expect(
      try sentence(folder)
        == "expected valid JSON at FOLDER/\(name), found a Git LFS pointer instead of the file; "
        + "run git lfs pull in its folder, or download the file with hf download")
  }

  /// A header of 640 bytes begins like a pickle.
  @Test func aSoundHeaderIsNeverTakenForAnotherFile() throws {
    let folder = TemporaryFolder()
    let header = "{\"__metadata__\":{\"a\":\"" + String(repeating: "x", count: 640 - 25) + "\"}}"
    #expect(header.utf8.count == 640)
    let path = folder.write([0x80, 0x02, 0, 0, 0, 0, 0, 0] + Array(header.utf8), to: "model.safetensors")
    #expect(try SafetensorsFile(path: path).records == [])
  }

  /// transformers loads the single file; whoever trained again and saved shards means these.
  @Test func twoSetsOfWeightsAreRefused() throws {
    let folder = TemporaryFolder()
    TinyCheckpoint(layerCount: 1).write(to: folder)
    TinyCheckpoint(layerCount: 1, shardCount: 2, seed: 2).write(to: folder)
    #expect(
      try sentence(folder)
        == "expected one set of weights in FOLDER, found model.safetensors (which transformers would load) and "
        + "model.safetensors.index.json with its 2 shards; remove whichever is out of date")
    try FileManager.default.removeItem(atPath: folder.path + "/model-00002-of-00002.safetensors")
    #expect(
      try Checkpoint(path: folder.path).notices == [
        "model.safetensors is used; model.safetensors.index.json next to it names shards that are not there and is "
          + "ignored"
      ])
    folder.write(
      #"{"weight_map": {"model.norm.weight": "model.safetensors"}}"#.utf8, to: "model.safetensors.index.json")
    #expect(try Checkpoint(path: folder.path).notices == [])
  }

  @Test(arguments: ["BF16", "F16", "F32"], [Float.nan, .infinity, -.infinity])
  func aTensorThatIsNotFiniteIsRefused(element: String, bad: Float) throws {
    let folder = TemporaryFolder()
    TinyCheckpoint(layerCount: 1, element: element).write(to: folder)
    // The last tensor of the file is lm_head; its last element changes.
    let path = folder.path + "/model.safetensors"
    var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    let bits = bad.bitPattern
    let patch: [UInt8] =
      switch element {
      case "BF16": [UInt8(bits >> 16 & 0xFF) | (bad.isNaN ? 1 : 0), UInt8(bits >> 24)]
      case "F16": bad.isNaN ? [1, 0x7C] : [0, UInt8(bits >> 24 & 0x80) | 0x7C]
      default: (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
      }
    bytes.replaceSubrange(bytes.count - patch.count..<bytes.count, with: patch)
    folder.write(bytes, to: "model.safetensors")
    let checkpoint = try Checkpoint(path: folder.path)
    #expect(throws: CheckpointError.notFinite(file: path, name: "lm_head.weight")) {
      try checkpoint.tensor("lm_head.weight", shape: [320, 64])
    }
    #expect(throws: Never.self) { try checkpoint.tensor("model.norm.weight", shape: [64]) }
  }

  @Test func aTensorThatOverflowsSaysSo() throws {
    let folder = TemporaryFolder()
    TinyCheckpoint(layerCount: 1, element: "F32").write(to: folder)
    var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: folder.path + "/model.safetensors")))
    bytes.replaceSubrange(
      bytes.count - 4..<bytes.count, with: withUnsafeBytes(of: Float(1e30).bitPattern) { Array($0) })
    folder.write(bytes, to: "model.safetensors")
    let error = #expect(throws: CheckpointError.self) {
      try Checkpoint(path: folder.path).tensor("lm_head.weight", shape: [320, 64])
    }
    #expect(
      error?.description.contains(
        "expected weights of ordinary size in tensor \"lm_head.weight\" of \(folder.path)/model.safetensors, "
          + "found 1e+30, with which float32 overflows; ") == true)
  }
}
