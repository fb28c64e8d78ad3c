import Foundation
import QuireJSON
import TestSupport
import Testing

/// GGUF files and adapters as a user gives them to the program.
@Suite struct GGUFCommandTests {
  private static let fixtures = TestPaths.repository + "/Tests/QuireCheckpointsTests/Fixtures/gguf"
  private static let legacy = fixtures + "/legacy.gguf"

  private let place = Workplace()
  private let adapters = TemporaryFolder()

  @Test func everyCommandReadsAFile() throws {
    let text = place.recipe(String(repeating: "some text here\n", count: 40))
    let commands = [
      ["generate", Self.legacy, "--raw", "--prompt", "hello", "--max-tokens", "2", "--seed", "1"],
      ["inspect", Self.legacy, "--json"],
      ["evaluate", Self.legacy, "--text", text, "--text-tokens", "20", "--no-speed"],
      ["export", Self.legacy, "--format", "safetensors", "--output", place.place("out")],
      ["convert", Self.legacy, "--plan"],
    ]
    for words in commands {
      let outcome = try BuiltProgram.quire.run(words)
      #expect(outcome.status == 0, "\(words): \(outcome.errors)")
    }
    let tokens = try BuiltProgram.quire.run(["tokenize", Self.legacy], input: Array("\"hello\"\n".utf8))
    #expect(tokens.status == 0 && tokens.output.contains("259"), "\(tokens.output) \(tokens.errors)")
  }

  @Test func codesAreKeptWithoutARecipe() throws {
    let pack = place.place("kept.quire")
    let outcome = try BuiltProgram.quire.run(["convert", Self.legacy, "--output", pack])
    #expect(outcome.status == 0, "\(outcome.errors)")
    // Q4_0, Q5_0 and Q8_0 matrices, and the embedding; Q4_1 and Q5_1 are stored as floats.
    #expect(outcome.output.contains("in GGUF: 9 kept exactly, 6 stored as float32"), "\(outcome.output)")
    #expect(try place.logits(pack) == place.logits(pack, "--threads", "1"))
    let difference = try largestDifference(place.logits(pack), place.logits(Self.legacy))
    // Activations are quantized with integer weights only.
    #expect(difference < 1 && difference > 0)
    let rounded = try BuiltProgram.quire.run([
      "convert", Self.fixtures + "/k.gguf", "--recipe", place.recipe(Workplace.int8), "--output",
      place.place("k.quire"),
    ])
    #expect(
      rounded.status == 0 && rounded.output.contains("dequantized to float32 first"), "\(rounded.errors)")
  }

  /// IQ4_NL becomes nl4 code by code, and leaves again as the same bytes.
  @Test func levelsAreKeptInBothDirections() throws {
    let levels = Self.fixtures + "/levels.gguf"
    let (pack, file) = (place.place("levels.quire"), place.place("again.gguf"))
    let outcome = try BuiltProgram.quire.run(["convert", levels, "--output", pack])
    #expect(outcome.status == 0 && outcome.output.contains("in GGUF, kept exactly"), "\(outcome.errors)")
    let inspected = try BuiltProgram.quire.run(["inspect", pack, "--json"])
    #expect(inspected.output.contains("nl4-float16"), "\(inspected.output)")
    #expect(try BuiltProgram.quire.run("verify", pack).status == 0)
    let exported = try BuiltProgram.quire.run(["export", pack, "--format", "gguf", "--output", file])
    #expect(exported.status == 0 && exported.output.contains("IQ4_NL"), "\(exported.errors)")
    let again = place.place("again.quire")
    #expect(try BuiltProgram.quire.run("convert", file, "--output", again).status == 0)
    #expect(try place.logits(again) == place.logits(pack))
    let refused = try BuiltProgram.quire.run(
      "export", pack, "--format", "compressed-tensors", "--output", place.place("folder"))
    #expect(
      refused.status == 1 && refused.errors.contains("found the levels of nl4-float16 g32 in"),
      "\(refused.errors)")
  }

  @Test func adaptersAreMergedAndNamed() throws {
    let adapter = TinyAdapter.write(to: adapters)
    let checkpoint = place.checkpoint.path
    let plain = try place.logits(checkpoint)
    let merged = try place.logits(checkpoint, "--adapter", adapter)
    #expect(largestDifference(plain, merged) > 0.01)
    let bf16 = place.recipe(#"{ name: "none", steps: [] }"#)
    let pack = place.place("merged.quire")
    let outcome = try BuiltProgram.quire.run([
      "convert", checkpoint, "--recipe", bf16, "--adapter", adapter, "--output", pack,
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.output.contains(
        "adapter: adapter (rank 2, 2 matrices), merged in float32 before the first step"))
    #expect(try place.logits(pack) == merged)
    let inspected = try BuiltProgram.quire.run(["inspect", pack, "--json"])
    #expect(inspected.output.contains("adapter/adapter_model.safetensors"))
  }

  @Test func refusalsAreOneSentence() throws {
    let folder = TemporaryFolder()
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Self.legacy)))
    let short = folder.write(bytes.dropLast(1000), to: "short.gguf")
    let output = place.place("out.quire")
    expectRefusal(
      try BuiltProgram.quire.run("convert", short, "--output", output), by: "convert",
      ["expected tensor", "within the file's \(bytes.count - 1000) bytes", "download the file again"])
    let part = folder.write(
      [UInt8](try Data(contentsOf: URL(fileURLWithPath: Self.fixtures + "/split-00001-of-00003.gguf"))),
      to: "split-00001-of-00003.gguf")
    expectRefusal(
      try BuiltProgram.quire.run("inspect", part), by: "inspect", ["split-00002-of-00003.gguf", "found: "])
    expectRefusal(
      try BuiltProgram.quire.run("inspect", folder.path), by: "inspect", ["the GGUF file", "give the path"])
    expectRefusal(
      try BuiltProgram.quire.run(
        "convert", place.checkpoint.path, "--recipe", place.recipe(Workplace.int8), "--output", output,
        "--adapter", folder.path), by: "convert", ["expected a LoRA adapter with adapter_config.json"])
    #expect(place.outputs == [])
  }
}
