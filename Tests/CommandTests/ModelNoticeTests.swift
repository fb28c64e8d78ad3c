import Foundation
import QuireJSON
import TestSupport
import Testing

/// What the program says about models that hold more than one reading, and about paths that are no model.
@Suite struct ModelNoticeTests {
  private func logits(_ folder: TemporaryFolder) throws -> Tool.Outcome {
    let output = TemporaryFolder()
    return try BuiltProgram.quire.run(
      "logits", folder.path, "--tokens", "1,2,3", "--output", output.path + "/logits")
  }

  @Test func aStoredHeadThatDiffersIsUsedAndNamed() throws {
    let folder = TemporaryFolder()
    var checkpoint = TinyCheckpoint(layerCount: 1)
    checkpoint.configurationMembers = ["tie_word_embeddings": "true"]
    checkpoint.write(to: folder)
    let outcome = try logits(folder)
    #expect(outcome.status == 0)
    #expect(
      outcome.errors
        == "note: tie_word_embeddings is true, but the stored lm_head.weight differs from the embedding and is used, "
        + "as in transformers\n")
  }

  @Test func tensorsThatNobodyReadsAreListedOnce() throws {
    let place = Workplace()
    try place.checkpoint.editHeader { header in
      for index in 0..<5 {
        header["rotary.\(index).inv_freq"] = ["dtype": "F32", "shape": [0], "data_offsets": [0, 0]]
      }
    }
    let outcome = try logits(place.checkpoint)
    #expect(outcome.status == 0)
    #expect(
      outcome.errors
        == "note: 5 tensors of the checkpoint are not used: rotary.0.inv_freq, rotary.1.inv_freq, "
        + "rotary.2.inv_freq and 2 more\n")
  }

  @Test func twoSetsOfWeightsAreRefused() throws {
    let place = Workplace()
    TinyCheckpoint(shardCount: 2, seed: 2).write(to: place.checkpoint)
    for words in [place.conversion(), ["inspect", place.checkpoint.path]] {
      expectRefusal(
        try BuiltProgram.quire.run(words), by: words[0],
        ["expected one set of weights", "model.safetensors.index.json with its 2 shards", "remove whichever"])
    }
  }

  @Test(arguments: ["inspect", "tokenize", "serve", "chat", "bench"])
  func pathsThatAreNoModelAreNamed(command: String) throws {
    let folder = TemporaryFolder()
    let gguf = folder.write("GGUF\u{3}\0\0\0\0".utf8, to: "qwen3-8b-Q4_K_M.gguf")
    expectRefusal(
      try BuiltProgram.quire.run(command, gguf), by: command,
      ["expected the number of tensors in", "found the file's end before it", "download the file again"])
    expectRefusal(
      try BuiltProgram.quire.run(command, "Qwen/Qwen3-8B"), by: command,
      ["found nothing", "download it with hf download Qwen/Qwen3-8B --local-dir Qwen3-8B"])
  }

  @Test func anAdapterIsNamed() throws {
    let folder = TemporaryFolder()
    folder.write("{}".utf8, to: "adapter_config.json")
    folder.write([], to: "adapter_model.safetensors")
    expectRefusal(
      try BuiltProgram.quire.run("inspect", folder.path), by: "inspect",
      ["found an adapter (adapter_config.json) without its model", "merge it into its base model"])
  }
}
