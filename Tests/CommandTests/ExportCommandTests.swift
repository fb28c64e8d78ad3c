import Foundation
import QuireFiles
import QuireJSON
import TestSupport
import Testing

/// `quire export`: the plan, the outputs and what is refused. What the files hold is tested in QuireExportTests.
@Suite struct ExportCommandTests {
  private let place = Workplace()

  private func run(_ words: [String], seconds: Double = 300, signal: Int32 = SIGKILL) throws -> Tool.Outcome {
    try BuiltProgram.quire.run(["export"] + words, seconds: seconds, signal: signal)
  }

  private static let files = [
    "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
  ]

  @Test(arguments: ["compressed-tensors", "safetensors"])
  func aFolderIsWritten(_ format: String) throws {
    let pack = try place.pack()
    let outcome = try run([pack, "--format", format, "--output", place.place("out/")])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("\(format) of out") && outcome.output.contains("wrote "))
    #expect(AtomicFolder.entries(of: place.place("out")) == Self.files)
    #expect(place.outputs == ["out", "out.quire"])
  }

  @Test func aFileIsWrittenQuietly() throws {
    let pack = try place.pack()
    let outcome = try run([pack, "--format", "gguf", "--output", place.place("m.gguf"), "--quiet"])
    #expect(outcome.status == 0 && outcome.output == "" && outcome.errors == "")
    let bytes = try Data(contentsOf: URL(fileURLWithPath: place.place("m.gguf")))
    #expect(bytes.prefix(4) == Data("GGUF".utf8))
  }

  @Test func aPlanWritesNothing() throws {
    let pack = try place.pack()
    let outcome = try run([pack, "--format", "compressed-tensors", "--plan"])
    #expect(outcome.status == 0 && outcome.errors == "")
    for part in [
      "self_attn.q_proj", "W8A8", "exact", "embed_tokens", "rounded", "tensor parallelism in vLLM: 1, 2",
      "dequantized: embed_tokens and lm_head", "in one file",
    ] { #expect(outcome.output.contains(part), "\(part)") }
    #expect(place.outputs == ["out.quire"])
  }

  @Test func theOutputIsDeterminedByTheModel() throws {
    let pack = try place.pack()
    func bytes(_ threads: String) throws -> Data {
      let path = place.place("t\(threads).gguf")
      let outcome = try run([pack, "--format", "gguf", "--output", path, "--threads", threads, "--quiet"])
      try #require(outcome.status == 0, "\(outcome.errors)")
      return try Data(contentsOf: URL(fileURLWithPath: path))
    }
    #expect(try bytes("1") == bytes("2"))
  }

  @Test func usageIsExplained() throws {
    for (words, sentence) in [
      (
        ["m", "--output", "o", "--format", "ggfu"],
        "--format: expected one of compressed-tensors, gguf, safetensors, found 'ggfu', did you mean gguf"
      ),
      (["m", "--output", "o"], "--format is missing; see quire export --help"),
      (["m", "--format", "gguf"], "--output is missing; see quire export --help"),
      (
        ["m", "--format", "gguf", "--output", "o", "--dtype", "float32"],
        "--dtype: expected compressed-tensors or safetensors with it; use --gguf-type for gguf"
      ),
      (
        ["m", "--format", "safetensors", "--output", "o", "--gguf-type", "f32"],
        "--gguf-type: expected --format gguf with it; use --dtype for folders"
      ),
      (
        ["m", "--format", "gguf", "--output", "o", "--gguf-type", "f23"],
        "--gguf-type: expected one of bf16, f16, f32, found 'f23', did you mean f32"
      ),
    ] {
      let outcome = try run(words)
      #expect(outcome.status == 2 && outcome.output == "")
      #expect(outcome.errors == "quire export: \(sentence)\n")
    }
  }

  @Test func theModelIsNeverOverwritten() throws {
    let pack = try place.pack()
    for format in ["gguf", "safetensors"] {
      for (model, output) in [(pack, pack), (place.checkpoint.path, place.checkpoint.path)] {
        expectRefusal(
          try run([model, "--format", format, "--output", output, "--force"]), by: "export",
          ["expected a path that is not read", "which is the model"])
      }
    }
    // The folder of the pack is no export.
    expectRefusal(
      try run([pack, "--format", "safetensors", "--output", place.path, "--force"]), by: "export",
      ["expected an earlier export at", "found a folder with out.quire in it"])
    #expect(place.outputs == ["out.quire"])
    // A model with the name of a temporary folder.
    let model = place.place("m.partial")
    try FileManager.default.copyItem(atPath: place.checkpoint.path, toPath: model)
    expectRefusal(
      try run([model, "--format", "safetensors", "--output", place.place("m"), "--quiet"]), by: "export",
      ["m.partial is a folder of other files; choose another path"])
    #expect(AtomicFolder.entries(of: model) == AtomicFolder.entries(of: place.checkpoint.path))
  }

  @Test func whatExistsIsReplacedOnlyByForceAndIfItIsAnExport() throws {
    let pack = try place.pack()
    let words = [pack, "--format", "safetensors", "--output", place.place("out"), "--quiet"]
    try #require(try run(words).status == 0)
    expectRefusal(try run(words), by: "export", ["a folder with files in it", "add --force"])
    #expect(try run(words + ["--force", "--dtype", "float32"]).status == 0)
    #expect(place.outputs == ["out", "out.quire"])
    // An export that was killed just after it had renamed its folder leaves its mark there.
    try Data().write(to: URL(fileURLWithPath: place.place("out/" + AtomicFolder.mark)))
    #expect(try run(words + ["--force"]).status == 0)
    #expect(!AtomicFolder.entries(of: place.place("out")).contains(AtomicFolder.mark))
    let file = [pack, "--format", "gguf", "--output", place.place("m.gguf"), "--quiet"]
    try #require(try run(file).status == 0)
    expectRefusal(try run(file), by: "export", ["found the file", "--force"])
    #expect(try run(file + ["--force"]).status == 0)
    // A checkpoint of another program has the same names.
    let other = place.place("other")
    try FileManager.default.copyItem(atPath: place.checkpoint.path, toPath: other)
    expectRefusal(
      try run([pack, "--format", "safetensors", "--output", other, "--force"]), by: "export",
      ["expected an earlier export", "model.safetensors, which Quire did not export"])
    expectRefusal(
      try run([pack, "--format", "safetensors", "--output", place.place("m.gguf"), "--force"]), by: "export",
      ["a file, where a folder is to be written"])
  }

  @Test func aModelWithoutIntegersHasNoQuantizedExport() throws {
    expectRefusal(
      try run([place.checkpoint.path, "--format", "compressed-tensors", "--output", place.place("out")]),
      by: "export", ["expected quantized matrices, found none", "choose --format safetensors"])
    #expect(place.outputs == [])
  }

  @Test func aPrunedModelIsRefusedOrFilled() throws {
    let recipe = """
      { name: "pruned", steps: [{ step: "prune-heads", unit: "kv-group", remove: [1, 0] },
        { step: "quantize", scheme: "int8" }], calibration: { windows: 2, tokens: 16 } }
      """
    let pack = try place.pack(recipe)
    let words = [pack, "--format", "compressed-tensors", "--output", place.place("out")]
    expectRefusal(
      try run(words), by: "export",
      ["in layer 0 but", "the same \"remove\" for every layer", "--fill-pruned"])
    let outcome = try run(words + ["--fill-pruned"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("zeros bring every layer to 4 query heads, 2 KV heads"))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: place.place("out/config.json")))
    let configuration = try JSONValue.parse([UInt8](bytes))
    #expect(configuration["num_key_value_heads"] == 2 && configuration["quire_layers"] == nil)
  }

  @Test(arguments: [SIGTERM, SIGKILL], ["gguf", "safetensors"])
  func aStoppedExportLeavesNothingUnderItsName(_ signal: Int32, _ format: String) throws {
    var isStopped = false
    for seconds in [0.01, 0.03, 0.06, 0.1, 0.2] where !isStopped {
      let output = place.place("out-\(seconds)")
      let outcome = try BuiltProgram.quire.run(
        ["export", Workplace.demo, "--format", format, "--output", output, "--quiet"], seconds: seconds,
        signal: signal)
      guard outcome.status != 0 else { continue }
      isStopped = true
      #expect(!FileManager.default.fileExists(atPath: output))
      if signal == SIGTERM { #expect(place.outputs.allSatisfy { !$0.hasSuffix(".partial") }) }
      // The next run is not disturbed by what a killed one left.
      let again = try run([Workplace.demo, "--format", format, "--output", output, "--quiet"])
      #expect(again.status == 0, "\(again.errors)")
      #expect(place.outputs.allSatisfy { !$0.hasSuffix(".partial") })
    }
  }
}
