import Foundation
import TestSupport
import Testing

/// Texts and files whose numbers or line ends once ended the program: one sentence each.
@Suite struct HostileNumberTests {
  /// Recipes with a wrong field, behind line ends and comments of every kind; the line of the field.
  @Test(arguments: [
    ("{//\r x:\"\\\n\", zzz:1}//\":1,\"", 2), ("{// note\r\n// \"\r\nzzz: 1}", 3), ("{/* ' \r */ zzz: 1}", 2),
    ("\u{FEFF}{ // x\u{2028}\nzzz: 1}", 2), ("{'a\\\r\nb': 1}", 1), ("{ \"\\u007azz\": '}' }", 1),
  ])
  func recipesOfAnyLineEnds(text: String, line: Int) throws {
    let place = Workplace()
    for extra in [[], ["--plan"]] {
      expectRefusal(
        try BuiltProgram.quire.run(place.conversion(text) + extra), by: "convert",
        ["line \(line)", "unknown field"])
    }
    #expect(place.outputs == [])
  }

  @Test(arguments: ["huge", "tokens"])
  func statisticsOfHugeNumbers(_ name: String) throws {
    let place = Workplace()
    let input = try #require(
      FileManager.default.contents(atPath: TestPaths.repository + "/Tests/Corpus/statistics/" + name))
    let path = place.checkpoint.write(StatisticsForge.file([UInt8](input)), to: "s.safetensors")
    let recipe = #"{ name: "r", steps: [{ step: "quantize", scheme: "int4", group: 32, method: "gptq" }] }"#
    expectRefusal(
      try BuiltProgram.quire.run(place.conversion(recipe) + ["--statistics", path]), by: "convert",
      ["the statistics file \(path) is damaged", "collect it again with quire calibrate"])
    expectRefusal(
      try BuiltProgram.quire.run(
        "calibrate", "--merge", path, path, "--output", place.place("c.safetensors"), "--quiet"),
      by: "calibrate", ["the statistics file \(path) is damaged"])
    #expect(place.outputs == [])
  }
}
