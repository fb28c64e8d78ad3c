import Foundation
import QuireJSON
import TestSupport
import Testing

/// Every recipe that is shipped does on the demo model what it says, with less calibration than it asks for.
@Suite struct ShippedRecipeTests {
  private static let folder = TestPaths.repository + "/recipes"
  static let names =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".json5") }
    .sorted()

  @Test(arguments: names)
  func convertsAndEvaluates(name: String) throws {
    let folder = TemporaryFolder()
    let text = try String(contentsOfFile: Self.folder + "/" + name, encoding: .utf8)
    #expect(text.hasPrefix("// "))
    let quick = text.replacing(/windows: \d+, tokens: \d+/, with: "windows: 3, tokens: 96")
    folder.write(quick.utf8, to: name)
    let outcome = try BuiltProgram.quire.run([
      "evaluate", Self.folder + "/demo/checkpoint", "--recipe", folder.path + "/" + name, "--problems", "1",
      "--no-thinking", "--max-tokens", "1", "--text-tokens", "64", "--threads", "2", "--quiet", "--json", "-",
    ])
    #expect(outcome.status == 0 && outcome.errors == "")
    let report = try JSONValue.parse(Array(outcome.output.utf8))
    let rows = try #require(report["rows"]?.arrayValue)
    #expect(
      rows.count > 1
        && rows.dropFirst().allSatisfy { $0["recipe"]?.stringValue == name.dropLast(6).description })
    let divergence = try #require(rows.last?["klMean"]?.doubleValue)
    #expect(divergence > 0 && divergence < 0.5)
  }

  /// As recipes/README.md shows it; recipes that rotate are refused there, in one sentence.
  @Test(arguments: [("int4-gptq", true), ("nl4", false)])
  func convertsOnStatistics(name: String, isPossible: Bool) throws {
    let folder = TemporaryFolder()
    let (demo, statistics) = (Self.folder + "/demo/checkpoint", folder.path + "/s.safetensors")
    let collected = try BuiltProgram.quire.run([
      "calibrate", demo, "--calibration", Self.folder + "/demo/calibration.jsonl", "--windows", "3",
      "--tokens", "96", "--output", statistics, "--quiet",
    ])
    #expect(collected.status == 0, "\(collected.errors)")
    let outcome = try BuiltProgram.quire.run([
      "convert", demo, "--recipe", Self.folder + "/\(name).json5", "--statistics", statistics,
      "--output", folder.path + "/p.quire", "--quiet",
    ])
    #expect(outcome.status == (isPossible ? 0 : 1), "\(outcome.errors)")
    #expect(FileManager.default.fileExists(atPath: folder.path + "/p.quire") == isPossible)
    if !isPossible {
      #expect(outcome.errors.contains("rotate") && outcome.errors.count(where: \.isNewline) == 1)
    }
  }

  @Test func thereAreRecipesForEveryNeed() {
    for name in ["smallest", "balanced", "near-lossless", "long-context"] {
      #expect(Self.names.contains(name + ".json5"))
    }
  }
}
