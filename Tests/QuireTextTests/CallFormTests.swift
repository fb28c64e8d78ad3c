import QuireJSON
import QuireText
import TestSupport
import Testing

/// Answers whose tool calls are spelled in another form than Qwen3's.
@Suite struct CallFormTests {
  struct Example: Sendable {
    let form: ToolCallForm
    let text: String
    let content: String
    /// Names and arguments.
    let calls: [String]

    init(_ form: ToolCallForm, _ text: String, _ content: String, _ calls: [String]) {
      self.form = form
      self.text = text
      self.content = content
      self.calls = calls
    }
  }

  private static let one = #"{"x": 1}"#
  private static let coder =
    "<tool_call>\n<function=f>\n<parameter=x>\n1\n</parameter>\n</function>\n</tool_call>"
  private static let deepseek =
    "<｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"x\":1}\n```<｜tool▁call▁end｜>"

  static let examples = [
    Example(.qwen3Coder, coder, "", ["f", one]),
    Example(.qwen3Coder, "a\n\n" + coder + "\n" + coder + "\nb", "a\nb", ["f", one, "f", one]),
    Example(
      .qwen3Coder,
      "<tool_call>\n<function=f>\n<parameter=s>\na </tool_call> b\n\nc\n</parameter>\n<parameter=o>{\"k\": [1]}</parameter>"
        + "<parameter=b>\nTrue\n</parameter><parameter=u>1</parameter></function></tool_call>", "",
      ["f", #"{"s": "a </tool_call> b\n\nc", "o": {"k": [1]}, "b": true, "u": "1"}"#]),
    Example(.qwen3Coder, "<tool_call>\n<function=g>\n</function>", "", ["g", "{}"]),
    Example(
      .qwen3Coder, "<tool_call>\n<function=f>\n<parameter=x>\nnone\n</function></tool_call>", "",
      ["f", #"{"x": "none"}"#]),
    Example(.qwen3Coder, "<tool_call>x</function></tool_call>y", "<tool_call>x</function></tool_call>y", []),
    Example(.qwen3Coder, "1 <tool_call", "1 <tool_call", []),
    Example(.deepseek, "<｜tool▁calls▁begin｜>" + deepseek + "<｜tool▁calls▁end｜>", "", ["f", one]),
    Example(.deepseek, "a\n" + deepseek + "\n" + deepseek, "a", ["f", one, "f", one]),
    Example(
      .deepseek, "<｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"x\": 1}<｜tool▁call▁end｜>b", "b", ["f", one]),
    Example(
      .deepseek, "<｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"x\": <｜tool▁call▁end｜>",
      "<｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"x\": <｜tool▁call▁end｜>", []),
    Example(.mistral, #"[TOOL_CALLS] [{"name": "f", "arguments": {"x": 1}}]"#, "", ["f", one]),
    Example(
      .mistral, #"a[TOOL_CALLS][{"name": "f", "arguments": {"x": 1}}, {"name": "g", "arguments": {}}] b"#,
      "a\nb", ["f", one, "g", "{}"]),
    Example(
      .mistral, #"[TOOL_CALLS]f[ARGS]{"x": 1}[TOOL_CALLS]g{"y": "]"}"#, "", ["f", one, "g", #"{"y": "]"}"#]),
    Example(.mistral, #"[TOOL_CALLS]f[CALL_ID]123456789[ARGS]{"x": 1}"#, "", ["f", one]),
    Example(.mistral, #"[TOOL_CALLS] [1, {"x": 1}]"#, #"[TOOL_CALLS] [1, {"x": 1}]"#, []),
    Example(.mistral, #"[TOOL_CALLS] [{"name": "f", "#, #"[TOOL_CALLS] [{"name": "f", "#, []),
    Example(.mistral, "no [call]", "no [call]", []),
    Example(.json, #"{"name": "f", "parameters": {"x": 1}}"#, "", ["f", one]),
    Example(
      .json, "\n" + #"{"name": "f", "parameters": {"x": 1}}; {"name": "g", "arguments": {}}"#, "",
      ["f", one, "g", "{}"]),
    Example(.json, #"{"answer": 1}"#, #"{"answer": 1}"#, []),
    Example(.json, #"[1, 2]"#, #"[1, 2]"#, []),
    Example(.json, #"Yes {"name": "f", "parameters": {}}"#, #"Yes {"name": "f", "parameters": {}}"#, []),
    Example(.json, #"{"name": "f", "par"#, #"{"name": "f", "par"#, []),
    Example(.none, coder, coder, []),
  ]

  private static let tools: [JSONValue] = [
    [
      "type": "function",
      "function": [
        "name": "f",
        "parameters": [
          "properties": [
            "x": ["type": "integer"], "s": ["type": "string"], "o": ["type": "object"],
            "b": ["type": "boolean"],
          ]
        ],
      ],
    ]
  ]

  private static func format(_ form: ToolCallForm) throws -> ChatFormat {
    try Tokenizer(tokenizer: TokenizerFileTests.valid, chatFormat: ChatFormatOverride(tools: form)).chatFormat
      .required()
  }

  private static func split(_ text: String, _ format: ChatFormat, size: Int) -> AnswerParts {
    var splitter = format.splitter(
      startsInThinking: false, splitsToolCalls: true, types: ToolParameterTypes(tools))
    var parts: [AnswerPart] = []
    let scalars = Array(text.unicodeScalars)
    for start in stride(from: 0, to: scalars.count, by: size) {
      let piece = scalars[start..<min(scalars.count, start + size)]
      splitter.append(String(String.UnicodeScalarView(piece)), into: &parts)
    }
    splitter.finish(into: &parts)
    return AnswerParts(joining: parts)
  }

  @Test(arguments: examples) func splitsHoweverTheTextIsCut(example: Example) throws {
    let format = try Self.format(example.form)
    for size in 1...max(1, example.text.unicodeScalars.count) {
      let answer = Self.split(example.text, format, size: size)
      #expect(answer.content == example.content, "pieces of \(size)")
      #expect(answer.calls.flatMap { [$0.name, $0.arguments] } == example.calls, "pieces of \(size)")
    }
  }

  /// Pieces of calls in any order neither trap nor lose text that is no call.
  @Test(arguments: ToolCallForm.allCases) func anyOrderOfPieces(form: ToolCallForm) throws {
    let format = try Self.format(form)
    let pieces = [
      "<tool_call>", "</tool_call>", "<function=f>", "</function>", "<parameter=x>", "</parameter>",
      "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "[TOOL_CALLS]", "[ARGS]", "[", "]", "{",
      "}",
      #"{"name": "f", "arguments": {}}"#, "\n", "x", ",", "\"",
    ]
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<400 {
      let text = (0..<8).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &generator)] }.joined()
      let whole = Self.split(text, format, size: 1000)
      #expect(whole == Self.split(text, format, size: 1), "\(text)")
      let start = text.drop { $0 == "\n" }
      if whole.calls.isEmpty { #expect(whole.content == start, "\(text)") }
    }
  }

  @Test func thoughtsInOtherTags() throws {
    let format = try Tokenizer(
      tokenizer: TokenizerFileTests.valid,
      chatFormat: ChatFormatOverride(reasoning: .init("[THINK] [/THINK]"))
    ).chatFormat.required()
    let answer = Self.split("[THINK]a <think>[/THINK]\nb", format, size: 1)
    #expect(answer.reasoning == "a <think>" && answer.content == "b")
    let none = try Tokenizer(
      tokenizer: TokenizerFileTests.valid,
      chatFormat: ChatFormatOverride(reasoning: ChatFormatOverride.Reasoning.none)
    ).chatFormat.required()
    let plain = Self.split("\n<think>\na</think>b", none, size: 2)
    #expect(plain.reasoning == "" && plain.content == "\n<think>\na</think>b")
    #expect(none.samplingMode(.thinking, budget: nil, messages: []) == .nonThinking)
  }
}
