import Foundation
import QuireJSON
import TestSupport
import Testing

/// `tokenize` and `render`, line by line and file by file, against what the original libraries give.
@Suite struct TextCommandTests {
  private static let fixtures = TestPaths.repository + "/Tests/QuireTextTests/Fixtures"

  /// The cases of a fixture that `tools/make-text-goldens` wrote.
  private static func cases(_ path: String) throws -> [JSONValue] {
    let file = try JSONValue.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
    return try #require(file["cases"]?.arrayValue ?? file.arrayValue)
  }

  private static func lines(_ values: [JSONValue]) -> [UInt8] {
    Array(values.map { $0.serialized() + "\n" }.joined().utf8)
  }

  private static func values(_ output: String) throws -> [JSONValue] {
    try output.split(separator: "\n").map { try JSONValue.parse(Array($0.utf8)) }
  }

  private static func text(hexadecimal digits: String) -> String {
    let digits = Array(digits.utf8)
    let bytes = stride(from: 0, to: digits.count, by: 2).map {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16) ?? 0
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A shell opens anything as the standard input.
  @Test(arguments: ["</", "0>/dev/null"])
  func aStandardInputThatCannotBeReadIsRefused(redirection: String) throws {
    let shell = try #require(Tool("sh"))
    let outcome = try shell.run([
      "-c", "exec \"$0\" generate \"$1\" --prompt - --quiet \(redirection)", BuiltProgram.quire.path,
      Workplace.demo,
    ])
    expectRefusal(outcome, by: "generate", ["standard input", "give a file or a pipe"])
  }

  @Test func tokenizesAsTheOriginalDoesAndBack() throws {
    let cases = try Self.cases(Self.fixtures + "/encode.json")
    #expect(cases.count >= 150)
    let texts = try cases.map { Self.text(hexadecimal: try #require($0["utf8_hex"]?.stringValue)) }
    let encoded = try BuiltProgram.quire.run(
      ["tokenize", Workplace.demo], input: Self.lines(texts.map(JSONValue.string)))
    #expect(encoded.status == 0 && encoded.errors == "")
    let ids = try Self.values(encoded.output)
    #expect(ids == cases.map { $0["ids"] })
    let decoded = try BuiltProgram.quire.run(
      ["tokenize", Workplace.demo, "--decode"], input: Self.lines(ids))
    #expect(decoded.status == 0 && decoded.errors == "")
    let normalized = zip(cases, texts).map { golden, text in
      // Where the golden says nothing, no character is newer than Foundation's tables.
      golden["nfc_hex"]?.stringValue.map(Self.text) ?? text.precomposedStringWithCanonicalMapping
    }
    // Equal bytes, not merely equal characters: Swift takes both spellings of é for one.
    #expect(
      try Self.values(decoded.output).map { Array(($0.stringValue ?? "").utf8) }
        == normalized.map { Array($0.utf8) })
  }

  @Test func decodesAsTheOriginalDoes() throws {
    let cases = try Self.cases(Self.fixtures + "/decode.json")
    let ids = try cases.map { try #require($0["ids"]) }
    let outcome = try BuiltProgram.quire.run(
      ["tokenize", Workplace.demo, "--decode"], input: Self.lines(ids))
    #expect(outcome.status == 0 && outcome.errors == "")
    #expect(try Self.values(outcome.output) == cases.map { $0["text"] })
  }

  @Test(
    .enabled(if: TestPaths.shared("qwen3-tokenizer/tokenizer.json") != nil, "needs ../shared/qwen3-tokenizer")
  )
  func tokenizesWithQwen3sOwnFiles() throws {
    let folder = try #require(TestPaths.shared("qwen3-tokenizer"))
    let cases = try Self.cases(folder + "/encode_vectors.json")
    let texts = try cases.map { Self.text(hexadecimal: try #require($0["utf8_hex"]?.stringValue)) }
    let outcome = try BuiltProgram.quire.run(
      ["tokenize", folder], input: Self.lines(texts.map(JSONValue.string)))
    #expect(outcome.status == 0 && outcome.errors == "")
    #expect(try Self.values(outcome.output) == cases.map { $0["ids"] })
  }

  @Test func tokenizerFilesAloneAreEnoughAndAPackHasThem() throws {
    let place = Workplace()
    let pack = try place.pack()
    for name in ["config.json", "generation_config.json", "model.safetensors"] {
      try place.checkpoint.remove(name)
    }
    let input = Array("\"hello <|im_end|>\"\n\n \"\\u00e9\\n\" \r\n\"\"".utf8)
    let folder = try BuiltProgram.quire.run(["tokenize", place.checkpoint.path], input: input)
    #expect(folder.status == 0 && folder.errors == "")
    #expect(folder.output.hasPrefix("[259, 32, \(TinyTokenizer.endOfTurn)]\n["))
    #expect(folder.output.hasSuffix("]\n[]\n") && folder.output.split(separator: "\n").count == 3)
    #expect(try BuiltProgram.quire.run(["tokenize", pack], input: input).output == folder.output)
  }

  struct Line: Sendable, CustomTestStringConvertible {
    let input: String
    let parts: [String]
    var isDecoding = false
    var testDescription: String { input }
  }

  static let wrongLines: [Line] = [
    .init(
      input: "nonsense",
      parts: [
        "line 1, column 1", "expected a value", "found the word nonsense; write each text as a JSON string",
      ]),
    .init(input: "\"open", parts: ["line 1, column 1", "ends inside a string", "close it"]),
    .init(
      input: "\"\\ud800\"", parts: ["line 1, column 2", "half of a surrogate pair", "write both halves"]),
    .init(input: "[1]", parts: ["line 1: expected a JSON string", "found [1]; write each text"]),
    .init(input: "1", parts: ["line 1: expected a JSON string", "found 1"]),
    .init(
      input: "\"a\"", parts: ["line 1: expected a JSON array of token ids, found a string; write the ids"],
      isDecoding: true),
    .init(input: "[1, -1]", parts: ["line 1: expected token ids", "found -1; correct it"], isDecoding: true),
    .init(
      input: "[4294967296]", parts: ["line 1: expected token ids", "found 4294967296"], isDecoding: true),
    .init(
      input: "[64, 99999, 65]",
      parts: ["line 1: expected ids of the model's tokens", "which are below", "found 99999", "correct it"],
      isDecoding: true),
    .init(input: "[1.5]", parts: ["line 1: expected token ids", "found 1.5"], isDecoding: true),
    .init(input: "[\"1\"]", parts: ["line 1: expected token ids", "found \"1\""], isDecoding: true),
  ]

  @Test(arguments: wrongLines)
  func aWrongLineIsNamed(_ line: Line) throws {
    let outcome = try BuiltProgram.quire.run(
      ["tokenize", Workplace.demo] + (line.isDecoding ? ["--decode"] : []), input: Array(line.input.utf8))
    expectRefusal(outcome, by: "tokenize", line.parts)
  }

  @Test func bytesThatAreNotUTF8AreNotRepaired() throws {
    let outcome = try BuiltProgram.quire.run(
      ["tokenize", Workplace.demo], input: Array("\"a\"\n\n\"".utf8) + [0xFF] + Array("\"\n".utf8))
    #expect(outcome.status == 1 && outcome.output == "[64]\n")
    expectOneSentence(
      outcome.errors, by: "tokenize", ["line 3, column 2", "expected UTF-8", "found an invalid byte"])
  }

  @Test func rendersAsTheOriginalTemplateDoes() throws {
    let folder = TemporaryFolder()
    var count = 0
    for golden in try Self.cases(Self.fixtures + "/chat.json") {
      let kwargs = try #require(golden["kwargs"])
      // Continuing a message is for the server; the command has no word for it.
      guard kwargs["continue_final_message"] == nil else { continue }
      let file: JSONValue = ["messages": golden["messages"] ?? .null, "tools": golden["tools"] ?? .null]
      var words = [
        "render", Workplace.demo, "--messages", folder.write(file.serialized().utf8, to: "chat.json"),
      ]
      if kwargs["enable_thinking"] == false { words.append("--no-thinking") }
      if kwargs["add_generation_prompt"] == false { words.append("--no-generation-prompt") }
      let outcome = try BuiltProgram.quire.run(words)
      // Texts that the template leaves out, and the server does not, are named.
      let hasParts = golden["messages"]?.arrayValue?.contains { $0["content"]?.arrayValue != nil } ?? false
      #expect(outcome.status == 0)
      #expect(
        hasParts ? outcome.errors.hasPrefix("note: the chat template leaves out") : outcome.errors == "")
      let expected = try #require(golden["rendered"]?.stringValue)
      #expect(outcome.output.utf8.elementsEqual(expected.utf8), "\(golden["id"]?.stringValue ?? "?")")
      count += 1
    }
    #expect(count >= 40)
  }

  @Test func messagesMayComeFromStandardInput() throws {
    let outcome = try BuiltProgram.quire.run(
      ["render", Workplace.demo, "--messages", "-"],
      input: Array(#"{"messages":[{"role":"user","content":"Hi"}]}"#.utf8))
    #expect(outcome.output == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
  }

  @Test func membersWithoutEffectAreNamed() throws {
    let outcome = try BuiltProgram.quire.run(
      ["render", Workplace.demo, "--messages", "-"],
      input: Array(#"{"messages":[{"role":"user","content":"Hi"}],"chat_template_kwarg":{},"top_p":1}"#.utf8))
    #expect(outcome.status == 0 && outcome.output.hasPrefix("<|im_start|>user\nHi"))
    #expect(outcome.errors == "note: without effect on the prompt: chat_template_kwarg, top_p\n")
  }

  @Test(arguments: [
    Line(input: "", parts: ["expected a value", "found the end of the text"]),
    Line(input: "{\"messages\": [}", parts: ["line 1, column 15", "expected"]),
    Line(input: "[]", parts: ["expected an object with \"messages\""]),
    Line(input: "{\"messages\": {}}", parts: ["expected an array", "found an object"]),
    Line(input: "{\"messages\": []}", parts: ["expected at least one message", "found none"]),
    Line(input: "{\"messages\": [3]}", parts: ["messages[0]", "expected", "found"]),
    Line(
      input: "{\"messages\": [{\"content\": \"x\"}]}", parts: ["messages[0]", "expected a role", "found"]),
    Line(
      input: "{\"messages\": [{\"role\": \"wizard\", \"content\": \"x\"}]}",
      parts: ["messages[0]", "expected a role that is system, developer, user", "found \"wizard\""]),
    Line(
      input: "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"tools\": {}}",
      parts: ["expected \"tools\" to be an array of objects", "found an object"]),
    Line(
      input: "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"tools\": [5]}",
      parts: ["expected \"tools\" to be an array of objects"]),
    Line(
      input: "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"chat_template_kwargs\": \"x\"}",
      parts: ["expected \"chat_template_kwargs\" to be an object", "found a string"]),
    Line(
      input: "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"documents\": {}}",
      parts: ["expected \"documents\" to be an array", "found an object"]),
    Line(
      input: "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"chat_template\": 5}",
      parts: ["expected \"chat_template\" to be a text", "found a number"]),
  ])
  func wrongMessagesAreNamed(_ line: Line) throws {
    let folder = TemporaryFolder()
    let path = folder.write(line.input.utf8, to: "chat.json")
    let outcome = try BuiltProgram.quire.run("render", Workplace.demo, "--messages", path)
    expectRefusal(outcome, by: "render", line.parts)
  }
}
