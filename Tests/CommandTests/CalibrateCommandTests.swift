import Foundation
import QuireJSON
import TestSupport
import Testing

/// Statistics as a user collects, merges and uses them.
@Suite struct CalibrateCommandTests {
  private static let recipe = """
    { name: "solved", steps: [
        { step: "smooth", method: "awq" },
        { step: "quantize", scheme: "int4", group: 32, method: "gptq", overrides: [{ match: "embed|head", scheme: "bf16" }] } ],
      calibration: { source: "bundled", windows: 4, tokens: 48, seed: 3 } }
    """

  private func collect(_ place: Workplace, _ name: String, _ words: String...) throws -> Tool.Outcome {
    try BuiltProgram.quire.run(
      [
        "calibrate", place.checkpoint.path, "--recipe", place.recipe(Self.recipe), "--output",
        place.place(name),
      ]
        + words)
  }

  @Test func statisticsAreCollectedMergedAndUsed() throws {
    let place = Workplace()
    let first = try collect(place, "a.safetensors", "--threads", "1")
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.output.hasPrefix("statistics of 2 layers on 4 windows of bundled, 192 tokens\nfile: "))
    #expect(first.output.contains("\nmemory: at most ") && first.output.contains("\nwrote "))
    #expect(first.errors.split(separator: "\n").allSatisfy { $0.hasPrefix("calibrate: ") })
    let second = try collect(place, "b.safetensors", "--quiet", "--seed", "4", "--windows", "2")
    #expect(second.status == 0 && second.output == "" && second.errors == "")
    let merged = try BuiltProgram.quire.run([
      "calibrate", "--merge", place.place("a.safetensors"), place.place("b.safetensors"), "--output",
      place.place("c.safetensors"),
    ])
    #expect(merged.status == 0 && merged.output.hasPrefix("merging 288 tokens\n"), "\(merged.errors)")
    #expect(place.outputs == ["a.safetensors", "b.safetensors", "c.safetensors"])

    let words = place.conversion(Self.recipe) + ["--statistics", place.place("c.safetensors")]
    let converted = try BuiltProgram.quire.run(words)
    #expect(converted.status == 0 && converted.errors == "")
    let shown = try json(BuiltProgram.quire.run("inspect", place.place("out.quire"), "--json"))
    let calibration = shown["provenance"]?["calibration"]
    #expect(calibration?["source"] == "statistics" && calibration?["tokens"] == 288)
    #expect(calibration?["texts"]?.arrayValue?.compactMap { $0["seed"]?.intValue } == [3, 4])
    let plan = try BuiltProgram.quire.run(words.filter { $0 != "--quiet" } + ["--plan"])
    #expect(plan.output.contains("\nstatistics: those of the unmodified model in \(place.place("c"))"))
  }

  @Test func oneTextTwiceIsTold() throws {
    let place = Workplace()
    #expect(try collect(place, "a.safetensors", "--quiet").status == 0)
    let path = place.place("a.safetensors")
    let merged = try BuiltProgram.quire.run(
      "calibrate", "--merge", path, path, "--output", place.place("b.safetensors"), "--quiet")
    #expect(merged.status == 0 && place.outputs == ["a.safetensors", "b.safetensors"])
    #expect(
      merged.errors == "note: 4 windows of bundled, 192 tokens, seed 3, are there twice and count double; "
        + "merge each file once\n")
  }

  @Test func refusals() throws {
    let place = Workplace()
    #expect(try collect(place, "a.safetensors", "--quiet").status == 0)
    let path = place.place("a.safetensors")
    try Data(contentsOf: URL(fileURLWithPath: path)).dropLast(9).write(
      to: URL(fileURLWithPath: place.place("cut.safetensors")))
    let words = place.conversion(Self.recipe) + ["--statistics"]
    expectRefusal(
      try BuiltProgram.quire.run(words + [place.place("cut.safetensors")]), by: "convert",
      ["the statistics file ", "cut.safetensors is damaged", "collect it again with quire calibrate"])
    expectRefusal(
      try BuiltProgram.quire.run(words + [place.checkpoint.path + "/model.safetensors"]), by: "convert",
      ["holds no statistics", "check the path"])
    expectRefusal(
      try BuiltProgram.quire.run(place.conversion() + ["--statistics", path]), by: "convert",
      ["expected a recipe with a step that looks at activations", "leave it out"])
    let other = Workplace(TinyCheckpoint(seed: 2))
    #expect(try collect(other, "b.safetensors", "--quiet").status == 0)
    expectRefusal(
      try BuiltProgram.quire.run(
        "calibrate", "--merge", path, other.place("b.safetensors"), "--output", place.place("c.safetensors"),
        "--quiet"), by: "calibrate", ["was collected on other weights", "merge files of one checkpoint"])
    expectRefusal(
      try BuiltProgram.quire.run(
        "calibrate", place.checkpoint.path, "--calibration", place.place("absent.txt"), "--output",
        place.place("c.safetensors"), "--quiet"), by: "calibrate", ["cannot read the calibration text"])
    #expect(place.outputs == ["a.safetensors", "cut.safetensors"])
  }

  /// A recipe that names its statistics is evaluated from them.
  @Test func evaluationTakesThemToo() throws {
    let place = Workplace()
    #expect(try collect(place, "a.safetensors", "--quiet").status == 0)
    let recipe = Self.recipe.replacing(
      "source: \"bundled\"", with: "source: \"absent.txt\", statistics: \"\(place.place("a.safetensors"))\"")
    let text = place.checkpoint.write(String(repeating: "all the same ", count: 40).utf8, to: "text.txt")
    let outcome = try BuiltProgram.quire.run(
      "evaluate", place.checkpoint.path, "--recipe", place.recipe(recipe), "--text", text, "--no-speed",
      "--json", "-", "--quiet")
    let rows = try #require(try json(outcome)["rows"]?.arrayValue)
    #expect(rows.compactMap { $0["step"]?.stringValue } == ["reference", "smooth", "quantize"])
  }
}
