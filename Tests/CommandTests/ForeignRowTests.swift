import Foundation
import QuireJSON
import TestSupport
import Testing

/// Models of other programs as rows of an evaluation.
@Suite struct ForeignRowTests {
  private let place = Workplace()

  private func quire(_ words: [String]) throws -> Tool.Outcome {
    let outcome = try BuiltProgram.quire.run(words, folder: place.path, seconds: 300)
    try #require(outcome.status == 0, "\(words): \(outcome.errors)")
    return outcome
  }

  @Test func exportedFilesStandNextToThePack() throws {
    let recipe = place.recipe(
      """
      { name: "r", steps: [{ step: "quantize", scheme: "int4", group: 32,
        overrides: [{ match: "embed_tokens|lm_head", scheme: "bf16" }] }] }
      """)
    _ = try quire(["convert", Workplace.demo, "--recipe", recipe, "--output", "own.quire", "--quiet"])
    for (format, name) in [("compressed-tensors", "vllm"), ("gguf", "llama.gguf")] {
      _ = try quire(["export", "own.quire", "--format", format, "--output", name, "--quiet"])
    }
    _ = try quire([
      "evaluate", Workplace.demo, "own.quire", "vllm", "llama.gguf", "--no-tasks", "--no-speed",
      "--text-tokens", "200", "--json", "r.json", "--quiet",
    ])
    let report = try JSONValue.parse(
      [UInt8](try Data(contentsOf: URL(fileURLWithPath: place.place("r.json")))))
    let rows = try #require(report["rows"]?.arrayValue)
    #expect(rows.compactMap { $0["label"]?.stringValue } == ["reference", "own", "vllm", "llama"])
    let divergences = try rows.dropFirst().map { try #require($0["klMean"]?.doubleValue) }
    // All three have the same codes; a checkpoint's matrices run without rounding of activations.
    #expect(divergences.allSatisfy { $0 > 0 && $0 < 0.05 }, "\(divergences)")
    #expect(abs(divergences[1] - divergences[2]) < 1e-6, "\(divergences)")
  }

  @Test func anotherVocabularyIsRefused() throws {
    let outcome = try BuiltProgram.quire.run([
      "evaluate", Workplace.demo, place.checkpoint.path, "--no-tasks", "--no-speed", "--quiet",
    ])
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("cannot be the reference of"), "\(outcome.errors)")
  }
}
