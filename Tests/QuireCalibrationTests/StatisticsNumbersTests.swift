import Foundation
import QuireJSON
import QuireCalibration
import TestSupport
import Testing

/// Statistics files whose hashes are right and whose numbers are not.
@Suite struct StatisticsNumbersTests {
  private let folder = TemporaryFolder()

  /// The input of Tests/Corpus/statistics: a header, a line feed, values.
  private func input(_ name: String) throws -> String {
    let path = TestPaths.repository + "/Tests/Corpus/statistics/" + name
    return String(decoding: try #require(FileManager.default.contents(atPath: path)), as: UTF8.self)
  }

  private func open(_ text: String) throws -> StatisticsFile {
    try StatisticsFile(path: folder.write(StatisticsForge.file(Array(text.utf8)), to: "s.safetensors"))
  }

  private func expectRefusal(_ text: String, _ comment: Comment) throws {
    let error = #expect(throws: CalibrationError.self, comment) { try open(text) }
    let sentence = try #require(error).description
    #expect(sentence.contains("s.safetensors") && !sentence.contains("\n"), comment)
  }

  @Test func theFileItselfIsRead() throws {
    let file = try open(input("one-layer"))
    #expect(file.origin.tokenCount == 8)
    #expect(file.layout.byteCount > 0)
  }

  @Test func widthsThatOverflowAreRefused() throws {
    try expectRefusal(input("huge"), "a shape of [2^61 - 1, 0]")
    let text = try input("one-layer")
    for shape in ["[4,1]", "[1,4]", "[4,0]", "[0]", "[]", "[9223372036854775807]", "[-4]", "[4.0]", "[4.5]"] {
      let name = "model.layers.0.mlp.down_proj.weight.means\":{\"dtype\":\"F32\",\"shape\":"
      #expect(text.contains(name + "[4]"))
      try expectRefusal(text.replacing(name + "[4]", with: name + shape), "\(shape)")
    }
  }

  /// Two texts of the given counts, in a file that claims `total`.
  private func texts(_ tokens: [String], windows: String = "1", total: String) throws -> String {
    let list = tokens.map {
      "{\\\"hash\\\":\\\"0\\\",\\\"mode\\\":\\\"m\\\",\\\"seed\\\":1,\\\"source\\\":\\\"s\\\","
        + "\\\"tokens\\\":\($0),\\\"windows\\\":\(windows)}"
    }
    let text = try input("one-layer")
    let start = try #require(text.range(of: "\"texts\":\""))
    let end = try #require(text.range(of: "]\"", range: start.upperBound..<text.endIndex))
    return text.replacingCharacters(
      in: start.upperBound..<end.lowerBound, with: "[" + list.joined(separator: ",")
    )
    .replacing("\"tokens\":\"8\"", with: "\"tokens\":\"\(total)\"")
  }

  @Test func tokenCountsAreChecked() throws {
    #expect(try open(texts(["3", "5"], total: "8")).origin.tokenCount == 8)
    let most = "9223372036854775807"
    for (tokens, total) in [
      ([most, "1"], "9223372036854775808"), ([most, most], "-2"),
      (["281474976710655", "2"], "281474976710657"),
      ([most], most), (["-8"], "-8"), (["9", "-1"], "8"), (["8.5"], "8"), (["0", "8"], "8"), (["8"], "9"),
      (["8"], "8.0"), (["8"], "+8"), (["1e400"], "8"), (["\\\"8\\\""], "8"), (["null"], "8"), ([], "0"),
    ] {
      try expectRefusal(texts(tokens, total: total), "\(tokens) and \(total)")
    }
    for windows in ["-1", "0", "0.5", most + "0"] {
      try expectRefusal(texts(["8"], windows: windows, total: "8"), "\(windows) windows")
    }
  }

  @Test func namesStandOnce() throws {
    let text = try input("one-layer")
    let tensor =
      "\"model.layers.0.input_layernorm.weight.square\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
    #expect(text.contains(tensor))
    try expectRefusal(text.replacing(tensor, with: tensor + tensor), "a tensor twice")
    try expectRefusal(
      text.replacing("\"tokens\":\"8\"", with: "\"tokens\":\"8\",\"tokens\":\"8\""), "tokens twice")
  }
}
