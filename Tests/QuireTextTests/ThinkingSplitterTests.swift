import QuireJSON
import QuireText
import TestSupport
import Testing

@Suite struct ThinkingSplitterTests {
  struct Example: Sendable, CustomTestStringConvertible {
    let text: String
    var opened = false
    let reasoning: String
    let content: String

    var testDescription: String { (opened ? "open: " : "") + text.debugDescription }
  }

  static let examples = [
    Example(text: "<think>\nwhy\n</think>\n\nanswer", reasoning: "why", content: "answer"),
    Example(text: "<think>\nwhy\n</think>\n\nanswer", opened: true, reasoning: "why", content: "answer"),
    Example(text: "why\n</think>\n\nanswer\n", opened: true, reasoning: "why", content: "answer\n"),
    Example(text: "answer only", reasoning: "", content: "answer only"),
    Example(text: "thought only", opened: true, reasoning: "thought only", content: ""),
    Example(text: "<think>\n\n</think>\n\nanswer", reasoning: "", content: "answer"),
    Example(text: "<think>\nnever ends\n", reasoning: "never ends", content: ""),
    Example(text: "<think>a</think>b</think>c", reasoning: "a", content: "b</think>c"),
    Example(text: "<think>a</think></think>\n\nc", reasoning: "a", content: "</think>\n\nc"),
    Example(text: "<think>a</think>\n\n<think>b</think>c", reasoning: "a", content: "<think>b</think>c"),
    Example(text: "</think>answer", reasoning: "", content: "</think>answer"),
    Example(text: "write </think> to end", reasoning: "", content: "write </think> to end"),
    Example(text: "</think>answer", opened: true, reasoning: "", content: "answer"),
    Example(text: "<think>a<think>b</think>c", reasoning: "a<think>b", content: "c"),
    Example(text: "<think>x</think>use the <think> tag", reasoning: "x", content: "use the <think> tag"),
    Example(text: "\n<think>x</think>y", reasoning: "x", content: "y"),
    Example(text: " \n\t<think>x</think>y", reasoning: "x", content: "y"),
    Example(text: "\n\n x", reasoning: "", content: " x"),
    Example(text: "\n\n", reasoning: "", content: ""),
    Example(text: "", reasoning: "", content: ""),
    Example(text: "<thin", reasoning: "", content: "<thin"),
    Example(text: "\n<", opened: true, reasoning: "<", content: ""),
    Example(
      text: "<think>1 < 2 and </thin is no tag</think>ok", reasoning: "1 < 2 and </thin is no tag",
      content: "ok"),
    Example(text: "<think>a</think>b</thin", reasoning: "a", content: "b</thin"),
    Example(text: "<think>a\n\nb\n\n\n</think>c", reasoning: "a\n\nb", content: "c"),
    Example(text: "<think>a\n</thinx\n</think>c", reasoning: "a\n</thinx", content: "c"),
    Example(text: "<think> a \n </think> b ", reasoning: " a \n ", content: " b "),
    // A call that is drafted in a thought, or only its tag, does not end the thought.
    Example(
      text: "<think>\nlet me\n<tool_call>\n{}\n</tool_call>",
      reasoning: "let me\n<tool_call>\n{}\n</tool_call>", content: ""),
    Example(text: "x<tool_call>1</think>2", opened: true, reasoning: "x<tool_call>1", content: "2"),
    Example(text: "<think>考え😀\n</think>\n\n答え🎉", reasoning: "考え😀", content: "答え🎉"),
    Example(text: "<think>\u{301}</think>\u{301}", reasoning: "\u{301}", content: "\u{301}"),
  ]

  @Test(arguments: examples)
  func splitsHoweverTheTextIsCut(example: Example) {
    let scalars = Array(example.text.unicodeScalars)
    let cuts = (1...max(1, scalars.count)).flatMap { size in (0..<size).map { (size, $0) } }
    let wrong = cuts.first { size, offset in
      split(scalars, size: size, offset: offset, opened: example.opened) != [
        example.reasoning, example.content,
      ]
    }
    let (size, offset) = wrong ?? (1, 0)
    let parts = split(scalars, size: size, offset: offset, opened: example.opened)
    #expect(parts == [example.reasoning, example.content], "pieces of \(size), first of \(offset)")
  }

  private func split(_ scalars: [Unicode.Scalar], size: Int, offset: Int, opened: Bool) -> [String] {
    var splitter = ChatFormat.qwen3.splitter(startsInThinking: opened, splitsToolCalls: false)
    var parts: [AnswerPart] = []
    var start = 0
    while start < scalars.count {
      let end = min(scalars.count, start == 0 && offset > 0 ? offset : start + size)
      splitter.append(String(String.UnicodeScalarView(scalars[start..<end])), into: &parts)
      start = end
    }
    splitter.finish(into: &parts)
    let answer = AnswerParts(joining: parts)
    #expect(answer.calls.isEmpty)
    return [answer.reasoning, answer.content]
  }

  @Test(arguments: ["\n\n", "\nx", "<think>a</think>b", "<think>"])
  func answersThatMayNotThinkStayAsTheyAre(text: String) {
    var splitter = ChatFormat.qwen3.splitter(
      startsInThinking: false, mayThink: false, splitsToolCalls: false)
    var parts: [AnswerPart] = []
    splitter.append(text, into: &parts)
    splitter.finish(into: &parts)
    #expect(parts == [.content(text)])
  }

  @Test func textComesOutAsSoonAsItIsClear() {
    var splitter = ChatFormat.qwen3.splitter(startsInThinking: false, splitsToolCalls: false)
    func appended(_ text: String) -> [AnswerPart] {
      var parts: [AnswerPart] = []
      splitter.append(text, into: &parts)
      return parts
    }
    #expect(appended("<think>\nfirst") == [.reasoning("first")])
    #expect(splitter.isThinking)
    #expect(appended(" second\n") == [.reasoning(" second")])
    #expect(appended("third</") == [.reasoning("\nthird")])
    #expect(appended("b> ") == [.reasoning("</b> ")])
    #expect(appended("</think>\n") == [])
    #expect(!splitter.isThinking)
    #expect(appended("\nanswer\n") == [.content("answer\n")])
    #expect(appended("</thi") == [.content("</thi")])
  }

  /// What peers' parsers make of the same outputs, line feeds aside. Listed are the cases in which we differ on purpose.
  @Test(.enabled(if: ReferenceData.isPresent, "needs ../shared/qwen3-tokenizer"))
  func agreesWithPeersWhereTheyAreRight() throws {
    // White space before the opening tag is no content; a `</think>` that ends nothing is text; a tool call in a
    // thought does not end it.
    let different: Set<String> = ["whitespace_before", "tool_in_think"]
    let cases = try #require(try ReferenceData.json("parse_golden.json")["reasoning"]?.arrayValue)
    #expect(cases.count >= 26)
    for golden in cases where !different.contains(golden["id"]?.stringValue ?? "") {
      let scalars = Array(try #require(golden["output"]?.stringValue).unicodeScalars)
      let opened = golden["prompt_opened_think"]?.boolValue ?? false
      let expected = ["reasoning", "content"].map { trimmed(golden["whole"]?[$0]?.stringValue ?? "") }
      #expect(split(scalars, size: 1, offset: 0, opened: opened).map(trimmed) == expected)
    }
  }

  private func trimmed(_ text: String) -> String {
    var scalars = Array(text.unicodeScalars)[...]
    while scalars.first == "\n" { scalars.removeFirst() }
    while scalars.last == "\n" { scalars.removeLast() }
    return String(String.UnicodeScalarView(scalars))
  }
}

@Suite struct InitialThinkingTests {
  /// The prompt decides whether the answer begins inside a thought.
  @Test(arguments: [
    ("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", false),
    ("<|im_start|>assistant\n<think>\n\n</think>\n\n", false),
    ("<|im_start|>assistant\n<think>\n", true),
    ("<|im_start|>assistant\n<think>\nso far", true),
    ("<|im_start|>assistant\n<think>\na\n</think>\n\nb<think>", true),
    ("<|im_start|>assistant\n<think>\na<|im_end|>\n<|im_start|>assistant\n", false),
    ("<|im_start|>assistant\n<think>a</think><|im_end|>\n<|im_start|>user\n<think>", false),
    ("plain text", false), ("plain <think>", true), ("plain <think> text </think>", false), ("", false),
  ])
  func isReadFromTheLastTag(prompt: String, expected: Bool) {
    let tokenizer = DemoData.tokenizer
    #expect(ChatFormat.qwen3.startsInThinking(tokenizer.encode(prompt), tokenizer) == expected)
  }

  @Test func aMessageCannotOpenAThought() throws {
    let messages = [ChatMessage(role: .user, content: "<think>")]
    let prompt = try ChatFormat.qwen3.render(messages: messages, addGenerationPrompt: false)
    let tokens = prompt.tokens(DemoData.tokenizer)
    #expect(!ChatFormat.qwen3.startsInThinking(tokens, DemoData.tokenizer))
  }
}
