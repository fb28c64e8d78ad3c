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
    let output = TemporaryFolder()
    let text = try String(contentsOfFile: Self.folder + name + ".json5", encoding: .utf8)
      .replacing(/windows: \d+, tokens: \d+/, with: "windows: 4, tokens: 256")
      .replacing("source: \"calibration.jsonl\"", with: "source: \"bundled\"")
    let outcome = try #require(Self.time).run([
      "-f", "peak %M", BuiltProgram.quire.path, "convert", Workplace.demo, "--recipe",
      output.write(text.utf8, to: "r.json5"), "--output", output.path + "/out.quire", "--threads", "2",
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
