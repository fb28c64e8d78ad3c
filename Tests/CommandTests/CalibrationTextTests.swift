import Foundation
import QuireJSON
import TestSupport
import Testing

/// Calibration text is used once and described as it is, whatever the recipe asks for.
@Suite struct CalibrationTextTests {
  private let texts = TemporaryFolder()

  private func recipe(_ file: String, windows: Int = 4, tokens: Int = 64) -> String {
    "{ name: 'c', steps: [{ step: 'prune-heads', unit: 'query-head', remove: 1 }], calibration: "
      + "{ source: '\(texts.path)/\(file)', windows: \(windows), tokens: \(tokens) } }"
  }

  /// What the pack says of its calibration, the notes of the conversion, and the plan.
  private func outcome(_ recipe: String) throws -> (origin: JSONValue, notes: String, plan: String) {
    let place = Workplace()
    let conversion = try BuiltProgram.quire.run(place.conversion(recipe))
    try #require(conversion.status == 0, "\(conversion.errors)")
    let shown = try json(BuiltProgram.quire.run("inspect", place.place("out.quire"), "--json"))
    let plan = try BuiltProgram.quire.run([
      "convert", place.checkpoint.path, "--recipe", place.recipe(recipe), "--plan",
    ])
    return (shown["provenance"]?["calibration"] ?? .null, conversion.errors, plan.output)
  }

  @Test func aShortLineIsNotRepeated() throws {
    texts.write(#"{"text": "abc"}"#.utf8, to: "short.jsonl")
    let (origin, notes, plan) = try outcome(recipe("short.jsonl"))
    #expect(origin["windows"] == 1 && origin["tokens"] == 3)
    #expect(notes.hasPrefix("note, prune-heads: ") && notes.contains("has 3 tokens in 1 window,"))
    #expect(notes.contains("4 windows of 64 tokens, 256 in all,"))
    #expect(plan.contains("3 tokens: all that the text has"))
  }

  @Test func moreWindowsThanTextAreNotMadeUp() throws {
    texts.write(String(repeating: "abcdefghij", count: 30).utf8, to: "plain.txt")
    let (origin, notes, _) = try outcome(recipe("plain.txt", windows: 4000))
    #expect(origin["windows"] == 5 && origin["tokens"] == 300)
    #expect(notes.contains("has 300 tokens in 5 windows"))
    let enough = try outcome(recipe("plain.txt", windows: 4))
    #expect(enough.origin["windows"] == 4 && enough.origin["tokens"] == 256 && enough.notes == "")
    #expect(enough.plan.contains("calibration: 4 windows of "))
  }

  @Test func aLongLineBecomesSeveralWindows() throws {
    let long = (0..<200).map { String(UnicodeScalar(UInt8(97 + $0 * 7 % 26))) }.joined()
    texts.write("{\"text\": \"\(long)\"}\n".utf8, to: "long.jsonl")
    let (origin, notes, _) = try outcome(recipe("long.jsonl", windows: 3))
    #expect(origin["windows"] == 3 && origin["tokens"] == 192 && notes == "")
  }

  @Test func marksAndLineEndsDoNotMatter() throws {
    let lines = [
      #"{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}"#,
      "", #"{"text": "hello"}"#,
    ]
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    texts.write(lines.joined(separator: "\n").utf8, to: "plain.jsonl")
    texts.write(mark + Array((lines.joined(separator: "\r\n") + "\r\n").utf8), to: "marked.jsonl")
    let plain = try outcome(recipe("plain.jsonl")).origin
    let marked = try outcome(recipe("marked.jsonl")).origin
    #expect(plain["tokens"] == marked["tokens"] && plain["windows"] == marked["windows"])
    texts.write(Array("{\"text\": \"a\"}\n{\"text\": \"".utf8) + [0xFF] + Array("\"}".utf8), to: "bad.jsonl")
    let place = Workplace()
    let bad = try BuiltProgram.quire.run(place.conversion(recipe("bad.jsonl")))
    expectRefusal(bad, by: "convert", ["not UTF-8 in line 2", "save it as UTF-8"])
  }

  @Test func toolsAreRendered() throws {
    let messages =
      #""messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]"#
    let tools = #""tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]"#
    texts.write("{\(messages)}".utf8, to: "without.jsonl")
    texts.write("{\(messages), \(tools)}".utf8, to: "with.jsonl")
    texts.write("{\(messages), \"tools\": 3}".utf8, to: "wrong.jsonl")
    let without = try #require(try outcome(recipe("without.jsonl")).origin["tokens"]?.intValue)
    let with = try #require(try outcome(recipe("with.jsonl", windows: 9)).origin["tokens"]?.intValue)
    #expect(with > without + 100)
    let place = Workplace()
    let wrong = try BuiltProgram.quire.run(place.conversion(recipe("wrong.jsonl")))
    expectRefusal(wrong, by: "convert", ["line 1", "\"tools\""])
  }

  /// A mode is for chats; a plain text has none.
  @Test func aModeOfAPlainTextIsSaidToChangeNothing() throws {
    let text = texts.write(String(repeating: "abcdefghij", count: 60).utf8, to: "plain.txt")
    let note = "the mode thinking changes nothing, because the calibration text \(text) is no file of chats"
    let place = Workplace()
    func collect(_ words: String...) throws -> String {
      let outcome = try BuiltProgram.quire.run(
        [
          "calibrate", place.checkpoint.path, "--calibration", text, "--windows", "2", "--tokens", "8",
          "--force",
          "--quiet", "--output", place.place("s.safetensors"),
        ] + words)
      try #require(outcome.status == 0, "\(outcome.errors)")
      return outcome.errors
    }
    #expect(try collect("--mode", "thinking").contains("note: \(note)"))
    #expect(try collect("--mode", "as-written") == "")
    let asked = recipe("plain.txt").replacing("windows:", with: "mode: 'thinking', windows:")
    #expect(try outcome(asked).notes.contains(note))
  }

  @Test func statisticsSayHowMuchThereWas() throws {
    texts.write(#"{"text": "abc"}"#.utf8, to: "short.jsonl")
    let place = Workplace()
    let collected = try BuiltProgram.quire.run([
      "calibrate", place.checkpoint.path, "--calibration", texts.path + "/short.jsonl", "--output",
      place.place("s.safetensors"), "--threads", "2",
    ])
    #expect(collected.status == 0)
    #expect(collected.output.hasPrefix("statistics of 2 layers on 1 window of "))
    #expect(
      collected.errors.contains("note: the calibration text ") && collected.errors.contains("has 3 tokens"))
  }
}
