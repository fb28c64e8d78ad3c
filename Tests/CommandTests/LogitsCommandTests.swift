import Foundation
import TestSupport
import Testing

/// `logits` against what transformers computes in float32 (`tools/make-goldens`).
@Suite struct LogitsCommandTests {
  /// No logit may be further from transformers' than this.
  private static let bound: Float = 1e-3

  private static func write(
    _ model: String, _ tokens: [Int32], _ extra: [String] = [], environment: [String: String] = [:],
    to path: String
  ) throws -> Tool.Outcome {
    try BuiltProgram.quire.run(
      ["logits", model, "--tokens", tokens.map(String.init).joined(separator: ","), "--output", path] + extra,
      environment: environment)
  }

  /// The largest distance from the golden rows of the 300-token prompt.
  private static func distance(_ path: String, from golden: GoldenFile) -> Float {
    let written = GoldenFile(path: path)
    #expect(written.names == ["logits"] && written.entries["logits"]?.element == "F32")
    let vocabularySize = golden.shape("logits.long")[1]
    #expect(written.shape("logits") == [300, vocabularySize])
    let logits = written.floats("logits")
    let rows = golden.int32s("rows.long").flatMap { row in
      logits[Int(row) * vocabularySize..<(Int(row) + 1) * vocabularySize]
    }
    return largestDifference(rows, golden.floats("logits.long"))
  }

  /// These folders hold no tokenizer: ids go in, logits come out.
  @Test(arguments: ["base", "tied", "sharded", "gqa8_2", "mqa_hd128", "odd_sizes", "yarn", "fp16_file"])
  func agreesWithTransformers(_ variant: String) throws {
    let folder = TemporaryFolder()
    let model = TestPaths.modelFixtures + "/" + variant
    let golden = GoldenFile(path: model + "/golden.safetensors")
    let outcome = try Self.write(model, golden.int32s("ids.long"), to: folder.path + "/l.safetensors")
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output == "" && outcome.errors == "")
    #expect(Self.distance(folder.path + "/l.safetensors", from: golden) <= Self.bound)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["l.safetensors"])
  }

  @Test(arguments: InstructionSets.runnable)
  func everyInstructionSetAgreesAndThreadsChangeNoBit(_ name: String) throws {
    let folder = TemporaryFolder()
    let model = TestPaths.modelFixtures + "/gqa8_2"
    let golden = GoldenFile(path: model + "/golden.safetensors")
    let files = try ["1", "2"].map { threads in
      let path = folder.path + "/" + threads
      let outcome = try Self.write(
        model, golden.int32s("ids.long"), ["--threads", threads], environment: ["QUIRE_ISA": name], to: path)
      try #require(outcome.status == 0, "\(outcome.errors)")
      return path
    }
    #expect(Self.distance(files[0], from: golden) <= Self.bound)
    #expect(try folder.bytes("1") == folder.bytes("2"))
  }

  @Test func refusesWhatCannotBe() throws {
    let place = Workplace()
    let output = place.place("l.safetensors")
    expectUsageError(
      try Self.write(place.checkpoint.path, [1, 320], to: output), by: "logits",
      ["expected ids below 320", "found 320"])
    expectRefusal(
      try Self.write(place.checkpoint.path, [1], to: place.place("absent/l.safetensors")), by: "logits",
      ["expected to write", "found: no such file or directory", "choose another path"])
    let odd = Workplace(TinyCheckpoint(headSize: 24))
    expectUsageError(
      try Self.write(odd.checkpoint.path, [1], ["--kv-cache", "int8"], to: output), by: "logits",
      ["expected heads of a multiple of 16", "found 24", "choose float16"])
    #expect(place.outputs == [])
  }
}
