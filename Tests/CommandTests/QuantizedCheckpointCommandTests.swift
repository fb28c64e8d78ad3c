import Foundation
import QuireJSON
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

  /// A quantized checkpoint with the demo model's tokenizer, which conversions need, and its inspection without it: the
  /// model is too small for it.
  private func fixture(_ name: String) throws -> (folder: String, inspection: String) {
    let folder = place.place(name)
    try FileManager.default.copyItem(
      atPath: TestPaths.modelFixtures + "/quantized/" + name, toPath: folder)
    let inspection = try quire(["inspect", folder]).output
    for name in ["tokenizer.json", "tokenizer_config.json"] {
      try FileManager.default.copyItem(atPath: Workplace.demo + "/" + name, toPath: folder + "/" + name)
    }
    return (folder, inspection)
  }

  @Test func aRecipeSaysThatItDequantizes() throws {
    let (folder, inspection) = try fixture("awq")
    let plan = try quire(["convert", folder, "--recipe", "int8", "--plan"])
    #expect(plan.output.contains("14 matrices in AWQ, dequantized to float32 first"), "\(plan.output)")
    #expect(inspection.contains("int4-asymmetric g32"))
    #expect(inspection.contains("as float32; as stored, and after a conversion that keeps them, "))
  }

  /// Columns out of order are found in the tensors, as by a plan.
  @Test func anInspectionSaysWhatAConversionStores() throws {
    let (folder, inspection) = try fixture("gptq-permuted")
    #expect(
      inspection.contains(
        "\na conversion without a recipe stores all 14 quantized matrices as float32, because no weight format holds them "
          + "exactly\n"))
    #expect(!inspection.contains("keeps them"))
    #expect(try quire(["convert", folder, "--plan"]).output.contains("all 14 stored as float32"))
  }

  /// The row of the checkpoint is what its files hold, and without steps what the pack keeps of them; in plan and pack alike.
  @Test(arguments: ["awq", "gptq-int4", "w4a16", "fp8"])
  func theCheckpointsRowIsAsItIsStored(_ name: String) throws {
    let (folder, inspection) = try fixture(name)
    let stored = try #require(inspection.firstMatch(of: /([0-9.]+) bits per weight; on disk/)).1
    #expect(inspection.contains("and after a conversion that keeps them, ") == (name != "fp8"))
    for recipe in ["keep", "int8"] {
      let plan = try quire(["convert", folder, "--recipe", recipe, "--plan"]).output
      let row = try #require(plan.split(separator: "\n").first { $0.hasPrefix("checkpoint ") })
      let planned = try #require(row.firstMatch(of: /\s([0-9.]+) +100\.0%/)).1
      if recipe == "int8" { #expect(planned == stored, "\(row)") }
      let pack = place.place("\(name)-\(recipe).quire")
      _ = try quire(["convert", folder, "--recipe", recipe, "--output", pack, "--quiet"])
      let shown = try BuiltProgram.quire.run("inspect", pack, "--json").output
      let bits = try JSONValue.parse(Array(shown.utf8))["rows"]?[0]?["bitsPerWeight"]?.doubleValue
      #expect(bits.map { String(format: "%.2f", $0) } == String(planned), "\(recipe)")
      if name != "fp8" { #expect(bits.map { $0 < 9 } == true) }
    }
  }
}
