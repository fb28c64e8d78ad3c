import Foundation
import QuireJSON
import TestSupport
import Testing

/// Perplexity and KL divergence on the demo model, compared with transformers.
@Suite struct PerplexityGoldenTests {
  /// What `tools/check-perplexity` computes with transformers 5.24 and torch 2.15 in float32.
  private enum Golden {
    static let tokens = 9130
    static let referencePerplexity = 1.448462
    static let perplexity = 1.45036
    static let divergence = 0.00112714
  }

  @Test func theDemoModelHasTheFiguresOfTransformers() throws {
    let place = Workplace()
    let floats = place.place("floats")
    for words in [
      ["convert", Workplace.demo, "--recipe", "int4", "--output", place.place("int4.quire"), "--quiet"],
      [
        "export", place.place("int4.quire"), "--format", "safetensors", "--dtype", "float32", "--output",
        floats,
        "--quiet",
      ],
    ] {
      let outcome = try BuiltProgram.quire.run(words, folder: TestPaths.repository, seconds: 300)
      try #require(outcome.status == 0, "\(outcome.errors)")
    }
    let outcome = try BuiltProgram.quire.run(
      [
        "evaluate", Workplace.demo, floats, "--text", TestPaths.repository + "/recipes/demo/heldout.txt",
        "--no-tasks", "--no-speed", "--quiet", "--json", "-",
      ], seconds: 300)
    let report = try json(outcome)
    let rows = try #require(report["rows"]?.arrayValue)
    func error(_ row: Int, _ key: String, _ golden: Double) throws -> Double {
      abs(try #require(rows[row][key]?.doubleValue) / golden - 1)
    }
    #expect(report["method"]?["text"]?["scoredTokens"]?.intValue == Golden.tokens)
    #expect(try error(0, "perplexity", Golden.referencePerplexity) < 1e-3)
    #expect(try error(1, "perplexity", Golden.perplexity) < 1e-3)
    #expect(try error(1, "klMean", Golden.divergence) < 1e-2)
  }
}
