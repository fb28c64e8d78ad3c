import QuireJSON
import QuireText
import TestSupport
import Testing

@Suite struct ToolCallSplitterTests {
  struct Example: Sendable, CustomTestStringConvertible {
    let text: String
    let content: String
    /// Name and arguments, one after the other.
    let calls: [String]

    var testDescription: String { text.debugDescription }
  }

  static let one = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>"
  static let bad = "<tool_call>\n{name: f}\n</tool_call>"
  static let examples = [
    Example(text: "no call here", content: "no call here", calls: []),
    Example(text: "a\nlines\n\n", content: "a\nlines\n\n", calls: []),
    Example(text: one, content: "", calls: ["f", "{\"x\": 1}"]),
    Example(text: one + "\n" + one, content: "", calls: ["f", "{\"x\": 1}", "f", "{\"x\": 1}"]),
    Example(text: "Wait.\n" + one, content: "Wait.", calls: ["f", "{\"x\": 1}"]),
    Example(text: one + "\ndone\n", content: "done\n", calls: ["f", "{\"x\": 1}"]),
    Example(text: "a\n\n" + one + "\n\nb", content: "a\nb", calls: ["f", "{\"x\": 1}"]),
    Example(text: "a" + one + "b", content: "a\nb", calls: ["f", "{\"x\": 1}"]),
    Example(text: one + "\n", content: "", calls: ["f", "{\"x\": 1}"]),
    Example(
      text: "<tool_call>{\"name\":\"f\",\"arguments\":{\"x\":\"y\"}}</tool_call>", content: "",
      calls: ["f", "{\"x\":\"y\"}"]),
    Example(
      text:
        "<tool_call> {\n \"name\" :\t\"a\\\"b\" ,\r\"parameters\": {  \"x\" : [ 1e+2 , {} ] }\n\n } </tool_call>",
      content: "", calls: ["a\"b", "{  \"x\" : [ 1e+2 , {} ] }"]),
    Example(
      text: "<tool_call>\n{\"arguments\": {\"b\": 1.5e-3, \"a\": 2}, \"name\": \"z\"}\n</tool_call>",
      content: "",
      calls: ["z", "{\"b\": 0.0015, \"a\": 2}"]),
    Example(text: "<tool_call>{\"name\": \"f\"}</tool_call>", content: "", calls: ["f", "{}"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": null}</tool_call>", content: "", calls: ["f", "{}"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"x\\\":1}\"}</tool_call>", content: "",
      calls: ["f", "{\"x\": 1}"]),
    Example(
      text:
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"q\": \"</tool_call> \\\" <tool_call> \\\\\"}}</tool_call>",
      content: "", calls: ["f", "{\"q\": \"</tool_call> \\\" <tool_call> \\\\\"}"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": {\"q\": \"東京 😀 \\u00e9\"}}</tool_call>", content: "",
      calls: ["f", "{\"q\": \"東京 😀 \\u00e9\"}"]),
    // Arguments under another name, as text, or missing in one of several ways.
    Example(
      text: "<tool_call>{\"name\": \"f\", \"parameters\": {\"x\": 1}}</tool_call>", content: "",
      calls: ["f", "{\"x\": 1}"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"parameters\": \"{\\\"x\\\": 1}\"}</tool_call>", content: "",
      calls: ["f", "{\"x\": 1}"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": {}, \"parameters\": {\"x\": 1}}</tool_call>",
      content: "", calls: ["f", "{\"x\": 1}"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1}, \"parameters\": {\"y\": 1}}</tool_call>",
      content: "", calls: ["f", "{\"x\": 1}"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": \"\"}</tool_call>", content: "", calls: ["f", "{}"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": \" null \"}</tool_call>", content: "",
      calls: ["f", "{}"]),
    Example(
      text:
        "<tool_call>{\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"x\": 1}}}</tool_call>",
      content: "", calls: ["f", "{\"x\": 1}"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": \"Paris\"}</tool_call>",
      content: "<tool_call>{\"name\": \"f\", \"arguments\": \"Paris\"}</tool_call>", calls: []),
    Example(
      text: "<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>",
      content: "<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>", calls: []),
    Example(text: bad, content: bad, calls: []),
    Example(text: "a\n" + bad + "\nb", content: "a\n" + bad + "\nb", calls: []),
    Example(text: bad + "\n" + one, content: bad, calls: ["f", "{\"x\": 1}"]),
    Example(text: "<tool_call>\n</tool_call>", content: "<tool_call>\n</tool_call>", calls: []),
    Example(text: "<tool_call>[1]</tool_call>", content: "<tool_call>[1]</tool_call>", calls: []),
    Example(
      text: "<tool_call>{\"name\": 1, \"arguments\": {}}</tool_call>",
      content: "<tool_call>{\"name\": 1, \"arguments\": {}}</tool_call>", calls: []),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>",
      content: "<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>", calls: []),
    Example(
      text: "<tool_call>{\"name\": \"f, \"arguments\": {}}\n</tool_call>x",
      content: "<tool_call>{\"name\": \"f, \"arguments\": {}}\n</tool_call>x", calls: []),
    Example(text: "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}", content: "", calls: ["f", "{}"]),
    Example(
      text: "<tool_call>\n{\"name\": \"f\", \"argu", content: "<tool_call>\n{\"name\": \"f\", \"argu",
      calls: []),
    Example(
      text: "<tool_call>{\"name\": \"f\"}\n<tool_call>{\"name\": \"g\"}</tool_call>", content: "",
      calls: ["f", "{}", "g", "{}"]),
    Example(text: "1 <tool_cal", content: "1 <tool_cal", calls: []),
    Example(text: "a < b </tool_call> c", content: "a < b </tool_call> c", calls: []),
    Example(text: "", content: "", calls: []),
  ]

  /// Calls that begin and then stop being JSON, or are cut, end there.
  static let incompleteExamples = [
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": \"東京", content: "",
      calls: ["f", "{\"x\": \"東京"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1, }}</tool_call>\nb", content: "b",
      calls: ["f", "{\"x\": 1, "]),
    Example(
      text: "a\n<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 'y</tool_call>'}}</tool_call>" + one,
      content: "a\n'}}</tool_call>", calls: ["f", "{\"x\": ", "f", "{\"x\": 1}"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": \"y\n\"}}</tool_call>", content: "",
      calls: ["f", "{\"x\": \"y"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1<tool_call>{\"name\": \"g\"}</tool_call>",
      content: "",
      calls: ["f", "{\"x\": 1", "g", "{}"]),
    // The object is complete: only the brackets around it are missing or too many.
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1}</tool_call>", content: "",
      calls: ["f", "{\"x\": 1}"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1}}}, \"y\": 2}\n</tool_call>\nz",
      content: "z",
      calls: ["f", "{\"x\": 1}"]),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"parameters\": {\"x\": 1}, \"arguments\": {\"y\": 1}}</tool_call>",
      content: "", calls: ["f", "{\"x\": 1}"]),
    Example(
      text: "<tool_call>{\"name\": \"\", \"arguments\": {\"x\": 1}}</tool_call>",
      content: "<tool_call>{\"name\": \"\", \"arguments\": {\"x\": 1}}</tool_call>", calls: []),
    Example(
      text: "<tool_call>{\"name\": \"f\", \"arguments\": {x: 1}}</tool_call>",
      content: "<tool_call>{\"name\": \"f\", \"arguments\": {x: 1}}</tool_call>", calls: []),
  ]

  @Test(arguments: examples + incompleteExamples)
  func splitsHoweverTheTextIsCut(example: Example) {
    let scalars = Array(example.text.unicodeScalars)
    for size in 1...max(1, scalars.count) {
      let (content, calls) = split(scalars, size: size)
      #expect(content == example.content, "pieces of \(size)")
      #expect(calls.flatMap { [$0.name, $0.arguments] } == example.calls, "pieces of \(size)")
    }
  }

  private func split(_ scalars: [Unicode.Scalar], size: Int) -> (String, [ToolCallPart]) {
    var splitter = ChatFormat.qwen3.splitter(startsInThinking: false, splitsToolCalls: true)
    var parts: [AnswerPart] = []
    for start in stride(from: 0, to: scalars.count, by: size) {
      let piece = scalars[start..<min(scalars.count, start + size)]
      splitter.append(String(String.UnicodeScalarView(piece)), into: &parts)
    }
    splitter.finish(into: &parts)
    let answer = AnswerParts(joining: parts)
    #expect(answer.reasoning == "")
    return (answer.content, answer.calls)
  }

  @Test func aCallComesOutWithItsClosingTag() {
    var splitter = ChatFormat.qwen3.splitter(startsInThinking: false, splitsToolCalls: true)
    func appended(_ text: String) -> [AnswerPart] {
      var parts: [AnswerPart] = []
      splitter.append(text, into: &parts)
      return parts
    }
    #expect(appended("text <tool") == [.content("text ")])
    #expect(appended("_call>{\"name\": \"f\"}</tool_call") == [])
    #expect(appended(">") == [.call(ToolCallPart(name: "f", arguments: "{}"))])
  }

  /// The first part comes as soon as the arguments have begun, and every later byte at once.
  @Test func argumentsComeOutAsTheyArrive() {
    var splitter = ChatFormat.qwen3.splitter(startsInThinking: false, splitsToolCalls: true)
    var parts: [AnswerPart] = []
    func continued(_ text: String) -> [AnswerPart] {
      parts = []
      splitter.append(text, into: &parts)
      return parts
    }
    func part(_ text: String) -> AnswerPart { .call(ToolCallPart(name: nil, arguments: text)) }
    #expect(continued("<tool_call>\n{\"name\": \"f\", \"arguments\": { ") == [])
    #expect(continued("\"") == [.call(ToolCallPart(name: "f", arguments: "")), part("{ \"")])
    for character in "a\": [1, \"</tool_call>\"" {
      #expect(continued(String(character)) == [part(String(character))])
    }
    #expect(continued("]}}\n") == [part("]}")])
    #expect(continued("</tool_call>after") == [.content("after")])
  }

  /// What is given out of any cut or spoilt call is the beginning of an object, and a whole call has the arguments that
  /// reading it at once gives.
  @Test func argumentsAreTheBeginningOfAnObject() throws {
    let text =
      "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": [true, -1.5e3, \"\\u00e9\\n\"], \"b\": null}}"
    let whole = try JSONValue.parse("{\"a\": [true, -1.5e3, \"é\\n\"], \"b\": null}")
    let scalars = Array(text.unicodeScalars)
    var begunCount = 0
    for end in 1...scalars.count {
      for spoiler in ["", "}", "x", "\"", "\n", "]"] {
        let (content, calls) = split(Array(scalars[..<end]) + Array(spoiler.unicodeScalars), size: 1)
        guard let call = calls.first else {
          #expect(content == String(String.UnicodeScalarView(scalars[..<end])) + spoiler)
          continue
        }
        begunCount += 1
        var scanner = JSONObjectScanner()
        let (count, outcome) = scanner.scan(call.arguments.utf8)
        #expect(count == call.arguments.utf8.count && outcome != .invalid, "\(call)")
        if spoiler.isEmpty && outcome == .ended { #expect(try JSONValue.parse(call.arguments) == whole) }
      }
    }
    #expect(begunCount > 100)
  }

  /// Every call that peers find is found too.
  @Test(.enabled(if: ReferenceData.isPresent, "needs ../shared/qwen3-tokenizer"))
  func findsEveryCallThatPeersFind() throws {
    let cases = try #require(try ReferenceData.json("parse_golden.json")["tools"]?.arrayValue)
    #expect(cases.count >= 17)
    // Peers encode arguments that are text a second time.
    for golden in cases
    where golden["tools_called"]?.boolValue == true && golden["id"]?.stringValue != "args_string" {
      let (_, calls) = split(Array(try #require(golden["output"]?.stringValue).unicodeScalars), size: 3)
      let expected = try #require(golden["tool_calls"]?.arrayValue).map { call in
        [call["name"]?.stringValue, call["arguments"]?.stringValue]
      }
      #expect(try calls.map(Self.normalized) == expected)
    }
  }

  /// Name and arguments, with the spacing of Python.
  private static func normalized(_ call: ToolCallPart) throws -> [String?] {
    [call.name, try JSONValue.parse(call.arguments).serialized(style: .python)]
  }

  /// What is given out goes back into the prompt as the model wrote it.
  @Test func aCallRendersAsItWasWritten() throws {
    let (content, calls) = split(Array(("Wait.\n" + Self.one).unicodeScalars), size: 9)
    let toolCalls = calls.map { ChatToolCall(name: $0.name ?? "", arguments: .string($0.arguments)) }
    let answer = ChatMessage(
      role: .assistant, content: content, toolCalls: toolCalls.map(\.withParsedArguments))
    let question = ChatMessage(role: .user, content: "q")
    let prompt = try ChatFormat.qwen3.render(
      messages: [question, answer, question], addGenerationPrompt: false)
    #expect(prompt.text.contains("<|im_start|>assistant\nWait.\n" + Self.one + "<|im_end|>\n"))
  }
}
