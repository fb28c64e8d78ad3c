import Foundation
import TestSupport
import Testing

/// Quantized checkpoints through the program: plans, conversion, and the way to vLLM's format and back.
@Suite struct QuantizedCheckpointCommandTests {
  private let place = Workplace()

  private func quire(_ words: [String]) throws -> Tool.Outcome {
    let outcome = try BuiltProgram.quire.run(words, seconds: 300)
    try #require(outcome.status == 0, "\(words): \(outcome.errors)")
    return outcome
  }

  @Test func exportedCodesComeBackUnchanged() throws {
    let demo = TestPaths.repository + "/recipes/demo/checkpoint"
    for (name, step) in [
      ("int4", "scheme: \"int4\", group: 32"),
      ("asymmetric", "scheme: \"int4\", group: 64, symmetric: false"),
      ("int8", "scheme: \"int8\""),
    ] {
      let recipe = place.place("\(name).json5")
      let text =
        "{ name: \"r\", steps: [{ step: \"quantize\", \(step), overrides: [{ match: \"embed_tokens|lm_head\", scheme: \"bf16\" }] }] }"
      try Data(text.utf8).write(to: URL(fileURLWithPath: recipe))
      func export(_ pack: String, _ folder: String) throws -> Data {
        _ = try quire([
          "export", place.place(pack), "--format", "compressed-tensors", "--output", place.place(folder),
          "--quiet",
        ])
        return try Data(contentsOf: URL(fileURLWithPath: place.place(folder) + "/model.safetensors"))
      }
      _ = try quire([
        "convert", demo, "--recipe", recipe, "--output", place.place("a-\(name).quire"), "--quiet",
      ])
      let first = try export("a-\(name).quire", "x-\(name)")
      let plan = try quire(["convert", place.place("x-\(name)"), "--plan"])
      #expect(plan.output.contains("in compressed-tensors, kept exactly"), "\(plan.output)")
      _ = try quire([
        "convert", place.place("x-\(name)"), "--output", place.place("b-\(name).quire"), "--quiet",
      ])
      #expect(try export("b-\(name).quire", "y-\(name)") == first, "\(name)")
    }
  }

  @Test func aRecipeSaysThatItDequantizes() throws {
    let folder = place.place("awq")
    try FileManager.default.copyItem(
      atPath: TestPaths.modelFixtures + "/quantized/awq", toPath: folder)
    for name in ["tokenizer.json", "tokenizer_config.json"] {
      try FileManager.default.copyItem(
        atPath: TestPaths.repository + "/recipes/demo/checkpoint/\(name)", toPath: folder + "/" + name)
    }
    let plan = try quire(["convert", folder, "--recipe", "int8", "--plan"])
    #expect(plan.output.contains("14 matrices in AWQ, dequantized to float32 first"), "\(plan.output)")
    let inspection = try quire(["inspect", folder]).output
    #expect(inspection.contains("int4-asymmetric g32"))
    #expect(inspection.contains("as float32; as stored, and after a conversion that keeps them, "))
  }
}
