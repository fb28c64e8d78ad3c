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

  /// The parts of a text, collected apart, make the pack that the whole text makes, but for the last bits of sums.
  @Test func mergedShardsConvertAsTheWhole() throws {
    let place = Workplace()
    #expect(try collect(place, "whole.safetensors", "--quiet").status == 0)
    for shard in 1...3 {
      let outcome = try collect(place, "\(shard).safetensors", "--shard", "\(shard)/3")
      #expect(outcome.status == 0 && outcome.output.contains(", shard \(shard)/3\n"), "\(outcome.errors)")
    }
    let shards = (1...3).map { place.place("\($0).safetensors") }
    let merged = try BuiltProgram.quire.run(
      ["calibrate", "--merge"] + shards + ["--output", place.place("merged.safetensors")])
    #expect(merged.status == 0 && merged.errors.split(separator: "\n").allSatisfy { !$0.contains("note") })
    #expect(merged.output.hasPrefix("merging 192 tokens\n  4 windows of bundled, 192 tokens, seed 3\n"))
    var logits: [[Float]] = []
    var records: [JSONValue?] = []
    for name in ["whole", "merged"] {
      let words =
        place.conversion(Self.recipe) + ["--force", "--statistics", place.place("\(name).safetensors")]
      #expect(try BuiltProgram.quire.run(words).status == 0)
      let pack = place.place("out.quire")
      records.append(
        try json(BuiltProgram.quire.run("inspect", pack, "--json"))["provenance"]?["calibration"])
      let path = place.place("\(name)-logits.safetensors")
      let outcome = try BuiltProgram.quire.run(
        "logits", pack, "--tokens", "1,2,3,4,5,6,7,8", "--output", path, "--quiet")
      #expect(outcome.status == 0, "\(outcome.errors)")
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      let header = data.prefix(8).enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
      logits.append(
        data.dropFirst(8 + header).withUnsafeBytes { bytes in
          (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        })
    }
    #expect(records[0]?["texts"] != nil && records[0]?["texts"] == records[1]?["texts"])
    #expect(logits[0].count == logits[1].count && !logits[0].isEmpty)
    let size = logits[0].map(abs).max() ?? 0
    // A rounding that sums decided by their last bits may differ; the model does not otherwise.
    let differences = zip(logits[0], logits[1]).map { abs($0 - $1) }.sorted()
    #expect(differences[differences.count / 2] <= 0.01 * size, "\(differences.suffix(3)) of \(size)")
    expectRefusal(
      try collect(place, "x.safetensors", "--quiet", "--shard", "1/5"), by: "calibrate",
      ["gives 4 windows, but --shard asks for 5 shards"])
    #expect(try collect(place, "x.safetensors", "--shard", "5").status == 2)
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
    expectUsageError(
      try BuiltProgram.quire.run(place.conversion() + ["--statistics", path]), by: "convert",
      ["expected a recipe with a step that uses activations", "leave it out"])
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
