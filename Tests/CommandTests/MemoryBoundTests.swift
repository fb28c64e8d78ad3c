import Foundation
import TestSupport
import Testing

/// "memory: at most" is an upper bound of what the process holds.
@Suite struct MemoryBoundTests {
  private static let time = Tool("/usr/bin/time")
  private static let folder = TestPaths.repository + "/recipes/"

  @Test(
    .enabled(if: time != nil, "needs GNU time"),
    arguments: ["int8", "int4", "int4-gptq", "long-context", "demo/pruned-int4"])
  func holdsForTheDemo(_ name: String) throws {
    try expectBound(
      String(contentsOfFile: Self.folder + name + ".json5", encoding: .utf8)
        .replacing(/windows: \d+, tokens: \d+/, with: "windows: 4, tokens: 256")
        .replacing("source: \"calibration.jsonl\"", with: "source: \"bundled\""))
  }

  /// Each layer has matrices of its own sizes, whose work the plan measures.
  @Test(.enabled(if: time != nil, "needs GNU time"))
  func holdsForLayersThatDiffer() throws {
    try expectBound(
      """
      { name: "m", steps: [
          { step: "prune-heads", unit: "query-head", remove: [0, 1, 2, 3, 4, 7], repair: false },
          { step: "prune-neurons", remove: [0, 128, 256, 0, 128, 640], repair: 0.5 },
          { step: "smooth", method: "smoothquant", alpha: 1 },
          { step: "quantize", scheme: "nl4", group: 32, method: "gptq", refit: 1 } ],
        calibration: { windows: 8, tokens: 256 } }
      """, threads: 1)
  }

  private func expectBound(_ text: String, threads: Int = 2) throws {
    let output = TemporaryFolder()
    let outcome = try #require(Self.time).run([
      "-f", "peak %M", BuiltProgram.quire.path, "convert", Workplace.demo, "--recipe",
      output.write(text.utf8, to: "r.json5"), "--output", output.path + "/out.quire", "--threads",
      "\(threads)",
    ])
    try #require(outcome.status == 0, "\(outcome.errors)")
    let peak = try #require(outcome.errors.firstMatch(of: /peak ([0-9]+)/).flatMap { Double($0.1) })
    let bound = try #require(
      outcome.output.firstMatch(of: /memory: at most ([0-9.]+) MB/).flatMap { Double($0.1) })
    #expect(peak * 1024 <= bound * 1e6, "\(peak) kB, bound \(bound) MB")
    // A bound that is far too high says nothing either.
    #expect(bound * 1e6 < 4 * peak * 1024)
  }
}
