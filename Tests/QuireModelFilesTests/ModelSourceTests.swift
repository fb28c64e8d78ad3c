import Foundation
import QuireJSON
import QuireModel
import QuireModelFiles
import QuireText
import QuirePacks
import QuireTensors
import TestSupport
import Testing

@Suite struct ModelSourceTests {
  private func folder(_ checkpoint: TinyCheckpoint = TinyCheckpoint(layerCount: 1)) -> TemporaryFolder {
    let folder = TemporaryFolder()
    checkpoint.write(to: folder)
    return folder
  }

  @Test func aCheckpointAnswersEverything() throws {
    let folder = folder()
    let source = try ModelSource(path: folder.path)
    #expect(!source.isPack && source.path == folder.path)
    #expect(source.name == URL(fileURLWithPath: folder.path).lastPathComponent)
    #expect(try source.configuration().layerCount == 1)
    #expect(try source.tokenizer().vocabularySize <= 320)
    #expect(try source.endOfSequenceIDs().count == 2)
    #expect(try source.notices() == [])
    #expect(source.origin.recipe == nil && source.origin.lastStep == nil)
    let size = try source.size()
    #expect(size.parameterCount == (try source.configuration().parameterCount))
    #expect(size.weightBytes == 2 * size.parameterCount && size.fileBytes > size.weightBytes)
    #expect(try !source.hasQuantizedMatrices && source.loadedBytes() == size.weightBytes)
    #expect(
      try source.tensors().map(\.name) == TinyCheckpoint(layerCount: 1).tensorShapes.map(\.name).sorted())
    let model = try source.load(team: ThreadTeam(threadCount: 1))
    #expect(try model.configuration == source.configuration())
  }

  @Test func aPackAnswersTheSame() throws {
    let folder = folder()
    let checkpoint = try ModelSource(path: folder.path)
    let path = folder.path + "/tiny.quire"
    let writer = try PackWriter(path: path)
    try writer.add(checkpoint.load(team: ThreadTeam(threadCount: 1)))
    try writer.finish(
      manifest: PackManifest(members: [
        "configuration": checkpoint.configuration().json, "generationConfiguration": ["eos_token_id": 7],
        "recipe": ["name": "r", "text": "{}"],
        "rows": [["step": "checkpoint"], ["step": "smooth"], ["step": "quantize"]],
      ]))
    let pack = try ModelSource(path: path)
    #expect(pack.isPack && pack.name == "tiny")
    #expect(try pack.configuration() == checkpoint.configuration())
    #expect(try pack.endOfSequenceIDs() == [7])
    #expect(pack.origin.recipe == "r" && pack.origin.lastStep == "quantize")
    #expect(try pack.size().weightBytes == checkpoint.size().weightBytes)
    #expect(throws: ModelFileError.incomplete(path: path, lacks: "a tokenizer")) { try pack.tokenizer() }
    let error = #expect(throws: ModelFileError.self) { try pack.checkpoint(for: "convert") }
    #expect(
      error?.description
        == "expected a checkpoint folder for convert at \(path), found a pack; give the checkpoint that it was made from"
    )
  }

  /// What is read once stays, whatever happens to the file: an evaluation's row is about one model.
  @Test func filesAreOpenedOnce() throws {
    let folder = folder()
    let source = try ModelSource(path: folder.path)
    let before = try source.configuration()
    folder.write("{}".utf8, to: "config.json")
    #expect(try source.configuration() == before && source.size().parameterCount == before.parameterCount)
  }

  @Test func aFolderWithNothingButATokenizerServesToTokenize() throws {
    let folder = TemporaryFolder()
    TinyTokenizer.write(to: folder)
    let source = try ModelSource(path: folder.path)
    #expect(try source.tokenizer().vocabularySize > 0)
    #expect(throws: ModelFileError.self) { try source.configuration() }
  }

  @Test func noticesNameWhatIsFound() throws {
    let folder = folder(TinyCheckpoint(layerCount: 1))
    let shape = [320, 64]
    var tied = TinyCheckpoint(layerCount: 1, tiesEmbeddings: true)
    tied.configurationMembers = ["tie_word_embeddings": "true"]
    folder.write(tied.configurationText.utf8, to: "config.json")
    let source = try ModelSource(path: folder.path)
    #expect(try source.notices().count == 1)
    #expect(
      try source.notices()[0].contains("the stored lm_head.weight differs from the embedding and is used"))
    #expect(try !source.configuration().tiesEmbeddings)
    #expect(try source.tensors().first { $0.name == "lm_head.weight" }?.shape == shape)
  }
}

/// Paths that lead to something else than a model.
@Suite struct ModelPathTests {
  private func sentence(_ path: String) throws -> String {
    let error = #expect(throws: ModelFileError.self) { try ModelSource(path: path) }
    return try #require(error).description
  }

  @Test(arguments: [
    ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B", "Qwen3-8B"), ("Qwen3-0.6B", "Qwen/Qwen3-0.6B", "Qwen3-0.6B"),
    ("https://huggingface.co/unsloth/Qwen3-4B", "unsloth/Qwen3-4B", "Qwen3-4B"),
    ("huggingface.co/Qwen/Qwen3-8B/", "Qwen/Qwen3-8B", "Qwen3-8B"),
  ])
  func namesOfTheHubGetTheDownloadCommand(path: String, name: String, folder: String) throws {
    #expect(
      try sentence(path)
        == "expected a checkpoint folder, a GGUF file or a .quire pack at \(path), found nothing; "
        + "download it with hf download \(name) --local-dir \(folder), then give \(folder)")
  }

  @Test(arguments: ["/no/such/model", "./Qwen/Qwen3-8B", "models/a.quire", "a/b/c", "", "model"])
  func otherPathsDoNot(path: String) throws {
    #expect(try sentence(path).hasSuffix("found nothing; check the path"))
  }

  @Test func otherFilesAreNamed() throws {
    let folder = TemporaryFolder()
    TinyCheckpoint(layerCount: 1).write(to: folder)
    #expect(
      try sentence(folder.path + "/model.safetensors").hasSuffix(
        "found one safetensors file; give the folder that holds it and config.json: \(folder.path)"))
    #expect(
      try sentence(folder.path + "/config.json").hasSuffix(
        "found the checkpoint's config.json; give the folder that holds it: \(folder.path)"))
    let text = folder.write("{ name: \"int4\" }".utf8, to: "int4.json5")
    #expect(try sentence(text).hasSuffix("found a text file; give the model's folder or pack"))
    let pickle = folder.write(
      [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9], to: "pytorch_model.bin")
    #expect(try sentence(pickle).contains("found a Python pickle, as PyTorch writes its weights; save"))
  }

  @Test func modelsInADownloadCacheAreCalledAsOnTheHub() throws {
    let folder = TemporaryFolder()
    let path = folder.path + "/models--Qwen--Qwen3-8B/snapshots/b968826d9c46dd6066d109eabc6255188de91218"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    #expect(try ModelSource(path: path).name == "Qwen/Qwen3-8B")
    #expect(try ModelSource(path: path + "/").name == "Qwen/Qwen3-8B")
    #expect(try ModelSource(path: folder.path + "/models--Qwen--Qwen3-8B/").name == "models--Qwen--Qwen3-8B")
  }
}
