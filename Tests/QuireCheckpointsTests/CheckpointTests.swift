import Foundation
import QuireCheckpoints
import QuireJSON
import QuireTensors
import TestSupport
import Testing

@Suite struct CheckpointTests {
  @Test func readsWhatTheTinyCheckpointWrote() throws {
    for shardCount in [1, 3] {
      let tiny = TinyCheckpoint(shardCount: shardCount)
      let folder = TemporaryFolder()
      tiny.write(to: folder)
      let checkpoint = try Checkpoint(path: folder.path)
      #expect(checkpoint.tensorNames == tiny.tensorShapes.map(\.name).sorted())
      #expect(checkpoint.configuration["hidden_size"]?.intValue == tiny.hiddenSize)
      #expect(checkpoint.generationConfiguration?["do_sample"]?.boolValue == true)
      #expect(checkpoint.unlistedTensors == [])
      for (name, shape) in tiny.tensorShapes {
        let view = try checkpoint.tensor(name, shape: shape)
        let expected = SafetensorsImage.encode(tiny.values(of: name, shape: shape), as: "BF16")
        #expect(view.bytes.elementsEqual(expected), "\(name)")
        #expect(view.element == .bfloat16 && view.shape == shape)
        #expect(checkpoint.record(name)?.byteCount == expected.count)
      }
    }
  }

  @Test func readsEveryGoldenCheckpoint() throws {
    let folders = TestPaths.folders(in: TestPaths.modelFixtures)
      .filter { name in !["/rope", "/quantized", "/eagle3"].contains { name.hasSuffix($0) } }
    #expect(folders.count >= 8)
    for folder in folders {
      let checkpoint = try Checkpoint(path: folder)
      #expect(checkpoint.record("model.norm.weight") != nil)
    }
  }

  @Test func readsTheDemoCheckpointWithATrailingSlash() throws {
    let checkpoint = try Checkpoint(path: TestPaths.repository + "/recipes/demo/checkpoint/")
    #expect(checkpoint.tensorNames.contains("model.embed_tokens.weight"))
  }

  /// The names that embedding models have, and those of a model that torch.compile wrapped.
  @Test(arguments: [
    ("", "model.", true), ("_orig_mod.", "", true), ("_orig_mod.", "model.", true), ("other.", "", false),
  ])
  func namesOfOtherModelClassesAreRead(added: String, removed: String, isRead: Bool) throws {
    let tiny = TinyCheckpoint(tiesEmbeddings: true)
    let folder = TemporaryFolder()
    tiny.write(to: folder)
    var image = SafetensorsImage()
    for (name, shape) in tiny.tensorShapes {
      let plain = name.hasPrefix(removed) ? String(name.dropFirst(removed.count)) : name
      image.add(added + plain, shape: shape, element: "BF16", tiny.values(of: name, shape: shape))
    }
    folder.write(image.bytes, to: "model.safetensors")
    let checkpoint = try Checkpoint(path: folder.path)
    let names = tiny.tensorShapes.map(\.name)
    #expect((checkpoint.tensorNames == names.sorted()) == isRead)
    #expect(checkpoint.notices.contains { $0.contains("the names of tensors are read") } == isRead)
    guard isRead, let (name, shape) = tiny.tensorShapes.last else { return }
    let view = try checkpoint.tensor(name, shape: shape)
    #expect(
      view.bytes.elementsEqual(SafetensorsImage.encode(tiny.values(of: name, shape: shape), as: "BF16")))
  }

  @Test func theSingleFileGoesBeforeTheIndex() throws {
    let folder = TemporaryFolder()
    TinyCheckpoint().write(to: folder)
    folder.write("{}".utf8, to: CompanionFile.weightIndex.name)
    #expect(try Checkpoint(path: folder.path).record("lm_head.weight") != nil)
  }

  @Test func reportsTensorsThatTheIndexForgets() throws {
    let folder = TemporaryFolder()
    TinyCheckpoint(shardCount: 2).write(to: folder)
    let path = folder.path + "/" + CompanionFile.weightIndex.name
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let entry = "\"model.norm.weight\": \"model-00002-of-00002.safetensors\""
    let other = "\"model.norm.weight\": \"model-00001-of-00002.safetensors\""
    let found = text.contains(entry) ? entry : other
    folder.write(
      text.replacingOccurrences(of: ", " + found, with: "").utf8, to: CompanionFile.weightIndex.name)
    let checkpoint = try Checkpoint(path: folder.path)
    #expect(checkpoint.unlistedTensors == ["model.norm.weight"])
    #expect(checkpoint.record("model.norm.weight") == nil)
  }

  @Test func hashesEveryFile() throws {
    let folder = TemporaryFolder()
    TinyCheckpoint(shardCount: 2).write(to: folder)
    folder.write("{}".utf8, to: "generation_config.json")
    folder.write("{{ messages }}".utf8, to: "chat_template.jinja")
    nonisolated(unsafe) var last = (0, 0)
    let hashes = try Checkpoint(path: folder.path).sourceHashes { last = ($0, $1) }
    #expect(
      last.0 == last.1 && last.1 == hashes.filter { $0.algorithm == .tensors }.reduce(0) { $0 + $1.byteCount }
    )
    #expect(
      hashes.map(\.file) == [
        "config.json", "generation_config.json", "model.safetensors.index.json", "tokenizer.json",
        "tokenizer_config.json", "chat_template.jinja", "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
      ])
    let braces = try #require(hashes.first { $0.file == "generation_config.json" })
    #expect(braces.byteCount == 2 && braces.hash == "2e1472b57af294d1" && braces.algorithm == .file)
  }

  /// In whatever order tensors are read, and whether they are read or known, a file has one hash.
  @Test func tensorsReadInPassingNeedNotBeHashedAgain() throws {
    let folder = TemporaryFolder()
    let tiny = TinyCheckpoint(shardCount: 2)
    tiny.write(to: folder)
    let checkpoint = try Checkpoint(path: folder.path)
    let plain = try checkpoint.sourceHashes()
    let hashes = TensorHashes()
    for (name, shape) in tiny.tensorShapes.reversed() {
      let copy = try checkpoint.tensor(name, shape: shape, noting: hashes)
      let view = try checkpoint.tensor(name, shape: shape)
      #expect(
        copy.bytes.elementsEqual(view.bytes) && copy.shape == view.shape && copy.element == view.element)
    }
    #expect(hashes.all.count == tiny.tensorShapes.count && hashes.takeFresh() == hashes.all)
    #expect(hashes.takeFresh().isEmpty)
    var hashed = 0
    #expect(try checkpoint.sourceHashes(known: hashes.all) { done, _ in hashed = done } == plain)
    #expect(hashed == plain.suffix(2).reduce(0) { $0 + $1.byteCount })
    let wrong = hashes.all.merging(["model.norm.weight": 1]) { $1 }
    #expect(try checkpoint.sourceHashes(known: wrong) != plain)
  }

  @Test func aFileCutShortWhileOpenIsASentence() throws {
    let folder = TemporaryFolder()
    TinyCheckpoint().write(to: folder)
    let checkpoint = try Checkpoint(path: folder.path)
    let path = folder.path + "/model.safetensors"
    let size = try #require(FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    try #require(FileHandle(forWritingAtPath: path)).truncate(atOffset: UInt64(size / 2))
    let error = #expect(throws: CheckpointError.self) {
      for (name, shape) in TinyCheckpoint().tensorShapes {
        _ = try checkpoint.tensor(name, shape: shape, noting: TensorHashes())
      }
    }
    #expect(error?.description.contains("the file became shorter while it was read") == true)
  }
}
