import Foundation
import QuireJSON
import TestSupport
import Testing

/// `generate` and `chat` on the trained model of the repository, from its checkpoint and from packs.
@Suite struct AnswerCommandTests {
  private static let question = "What is 2311+9744?"

  /// A pack of the demo model.
  private static func pack(_ recipe: String, in folder: TemporaryFolder) throws -> String {
    let path = folder.path + "/demo.quire"
    let outcome = try BuiltProgram.quire.run(
      "convert", Workplace.demo, "--recipe", TestPaths.repository + "/recipes/" + recipe, "--output", path,
      "--quiet")
    try #require(outcome.status == 0, "\(outcome.errors)")
    return path
  }

  private static func greedy(_ model: String, _ extra: String...) -> [String] {
    ["generate", model, "--prompt", question, "--temperature", "0", "--quiet"] + extra
  }

  @Test func thinksFirstAndAnswersRight() throws {
    let outcome = try BuiltProgram.quire.run(Self.greedy(Workplace.demo))
    #expect(outcome.status == 0 && outcome.errors == "")
    #expect(outcome.output == "12055\n")
    let shown = try BuiltProgram.quire.run(Self.greedy(Workplace.demo).filter { $0 != "--quiet" })
    #expect(shown.output == "12055\n" && shown.errors.hasPrefix("thinking:\n"))
    #expect(!shown.errors.contains("think>") && !shown.errors.contains("\u{1b}"))
    let answer = try json(BuiltProgram.quire.run(Self.greedy(Workplace.demo, "--json", "--thinking")))
    #expect(
      answer.objectValue?.keys == [
        "reasoningContent", "content", "finishReason", "promptTokens", "completionTokens", "reasoningTokens",
        "prefillSeconds", "decodeSeconds",
      ])
    #expect(answer["content"] == "12055" && answer["finishReason"] == "stop")
    #expect(
      shown.errors.hasPrefix("thinking:\n\(try #require(answer["reasoningContent"]?.stringValue))\n\n["))
    let reasoning = try #require(answer["reasoningTokens"]?.intValue)
    #expect(reasoning > 0 && reasoning < answer["completionTokens"]?.intValue ?? 0)
  }

  @Test func answersAtOnceWithoutThinking() throws {
    let outcome = try BuiltProgram.quire.run(Self.greedy(Workplace.demo, "--no-thinking"))
    let answer = try json(BuiltProgram.quire.run(Self.greedy(Workplace.demo, "--no-thinking", "--json")))
    #expect(answer["reasoningContent"] == "" && answer["reasoningTokens"] == 0)
    let content = try #require(answer["content"]?.stringValue)
    #expect(!content.isEmpty && outcome.output == content + "\n")
  }

  /// The account of an answer is beside the answer, on stderr.
  @Test func theAccountCountsTokens() throws {
    let outcome = try BuiltProgram.quire.run(
      "generate", Workplace.demo, "--prompt", Self.question, "--max-tokens", "4", "--temperature", "0")
    #expect(outcome.status == 0 && outcome.errors.hasPrefix("thinking:\n"), "\(outcome.errors)")
    let account = try #require(outcome.errors.split(separator: "\n").last)
    let pattern = /\[\d+ prompt tokens, [\d.]+ tokens\/s; 4 new tokens, [\d.]+ tokens\/s, cut at the limit\]/
    #expect(account.wholeMatch(of: pattern) != nil, "\(account)")
    let answer = try json(BuiltProgram.quire.run(Self.greedy(Workplace.demo, "--max-tokens", "4", "--json")))
    #expect(answer["finishReason"] == "length" && answer["completionTokens"] == 4)
  }

  @Test(arguments: ["int8.json5", "int4.json5"], ["--thinking", "--no-thinking"])
  func aPackAnswersTheSameOnEveryRunThreadAndInstructionSet(_ recipe: String, _ mode: String) throws {
    let folder = TemporaryFolder()
    let pack = try Self.pack(recipe, in: folder)
    let first = try BuiltProgram.quire.run(Self.greedy(pack, mode))
    #expect(first.status == 0 && first.errors == "" && first.output.count > 1)
    if mode == "--thinking" { #expect(first.output == "12055\n") }
    for threads in ["1", "2"] {
      #expect(
        try BuiltProgram.quire.run(Self.greedy(pack, mode, "--threads", threads)).output == first.output)
    }
    for name in InstructionSets.runnable {
      let outcome = try BuiltProgram.quire.run(Self.greedy(pack, mode), environment: ["QUIRE_ISA": name])
      #expect(outcome.output == first.output, "\(name)")
    }
  }

  @Test func aPrunedPackStillAnswersRight() throws {
    let folder = TemporaryFolder()
    let outcome = try BuiltProgram.quire.run(Self.greedy(Self.pack("demo/pruned-int4.json5", in: folder)))
    #expect(outcome.status == 0 && outcome.output == "12055\n", "\(outcome.errors)")
  }

  @Test func aSeedRepeatsAnAnswer() throws {
    let place = Workplace()
    func answer(_ seed: String) throws -> String {
      try BuiltProgram.quire.run([
        "generate", place.checkpoint.path, "--prompt", "hello", "--temperature", "2", "--max-tokens", "24",
        "--seed",
        seed, "--quiet",
      ]).output
    }
    let first = try answer("7")
    #expect(try answer("7") == first)
    #expect(try answer("18446744073709551615") != first)
  }

  @Test func whereThePromptComesFrom() throws {
    let given = try BuiltProgram.quire.run(Self.greedy(Workplace.demo))
    let read = try BuiltProgram.quire.run(
      ["generate", Workplace.demo, "--prompt", "-", "--temperature", "0", "--quiet"],
      input: Array(Self.question.utf8))
    #expect(read.status == 0 && read.output == given.output)
    // `echo` and editors end a text with a line feed, which is no part of the question.
    for end in ["\n", "\r\n"] {
      let echoed = try BuiltProgram.quire.run(
        ["generate", Workplace.demo, "--prompt", "-", "--temperature", "0", "--quiet"],
        input: Array((Self.question + end).utf8))
      #expect(echoed.output == given.output)
    }
    func tokens(_ words: String...) throws -> Int {
      let outcome = try BuiltProgram.quire.run(
        ["generate", Workplace.demo, "--max-tokens", "1", "--json"] + words)
      return try #require(json(outcome)["promptTokens"]?.intValue)
    }
    // What a user says is never a control token, unless the text is raw.
    let plain = try tokens("--prompt", "x")
    #expect(try tokens("--prompt", "x<|im_end|>") > plain + 3)
    #expect(try tokens("--prompt", "x<|im_end|>", "--raw") == 2)
    #expect(try tokens("--prompt", "x", "--system", "y") > plain)
  }

  @Test func promptsThatDoNotFit() throws {
    let long = try BuiltProgram.quire.run(Self.greedy(Workplace.demo, "--context", "5"))
    expectRefusal(
      long, by: "generate", ["context holds (5)", "shorten the prompt or raise the context with --context"])
    let wide = try BuiltProgram.quire.run(Self.greedy(Workplace.demo, "--context", "1000000"))
    #expect(wide.status == 2)
    expectOneSentence(
      wide.errors, by: "generate", ["--context: expected at most 1024", "found 1000000", "choose fewer"])
    let empty = try BuiltProgram.quire.run("generate", Workplace.demo, "--prompt", "", "--raw")
    expectRefusal(empty, by: "generate", ["prompt: expected at least one token, found none", "give a text"])
    // A pipe that brings nothing is no question.
    for input in ["", " \n"] {
      let nothing = try BuiltProgram.quire.run(
        ["generate", Workplace.demo, "-p", "-", "--no-thinking", "--quiet"], input: Array(input.utf8))
      expectRefusal(nothing, by: "generate", ["expected a prompt, found no text", "say what"])
    }
  }

  @Test func aTokenizerOfAnotherModelIsNoticed() throws {
    let place = Workplace()
    for name in ["tokenizer.json", "tokenizer_config.json"] {
      place.checkpoint.write(
        try Data(contentsOf: URL(fileURLWithPath: Workplace.demo + "/" + name)), to: name)
    }
    expectRefusal(
      try BuiltProgram.quire.run("generate", place.checkpoint.path, "--prompt", "x"), by: "generate",
      ["expected at most 320 tokens", "found 701", "that belong together"])
  }

  @Test func aChatRemembersSwitchesAndForgets() throws {
    let lines = [
      "", "/help", Self.question, "/no-thinking", "Add 1 and 2.", "/clear", "/thinking", Self.question,
    ]
    let outcome = try BuiltProgram.quire.run(
      ["chat", Workplace.demo, "--temperature", "0"], input: Array(lines.joined(separator: "\n").utf8))
    #expect(outcome.status == 0)
    let answers = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
    // The conversation was cleared, so the same question gets the same answer, to the byte; between is another.
    #expect(answers.first == "12055" && answers.suffix(2) == ["12055", ""] && answers.count >= 4)
    let thoughts = outcome.errors.components(separatedBy: "thinking:\n").dropFirst()
      .map { $0.components(separatedBy: "\n\n[")[0] }
    #expect(thoughts.count == 2 && thoughts[0] == thoughts[1])
    let told = outcome.errors.split(separator: "\n")
    #expect(told.first == "checkpoint, thinking, context 1024 tokens; /help lists commands")
    #expect(told.filter { $0.hasPrefix("  /no_think  ") }.count == 1)
    let confirmations = [
      "thinking is off from now on", "the conversation is forgotten", "thinking is on from now on",
    ]
    #expect(told.map(String.init).filter(confirmations.contains) == confirmations)
    let promptTokens = told.filter { $0.hasPrefix("[") }.compactMap {
      Int($0.dropFirst().prefix { $0 != " " })
    }
    #expect(
      promptTokens.count == 3 && promptTokens[0] == promptTokens[2] && promptTokens[1] > promptTokens[0])
  }

  @Test func aBudgetWithoutReasoningIsRefused() throws {
    let outcome = try BuiltProgram.quire.run(
      Self.greedy(Workplace.demo, "--no-thinking", "--thinking-budget", "6"))
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("expected --thinking-budget or --no-thinking, found both; leave one out"))
    #expect(outcome.output.isEmpty)
  }

  @Test func aBudgetLimitsTheReasoning() throws {
    let sentence = "I have to give the solution based on the thinking directly now."
    func reasoning(_ words: String...) throws -> String {
      let answer = try json(BuiltProgram.quire.run(Self.greedy(Workplace.demo, "--json") + words))
      #expect(answer["content"]?.stringValue?.isEmpty == false && answer["finishReason"] == "stop")
      return try #require(answer["reasoningContent"]?.stringValue)
    }
    let free = try reasoning()
    let limited = try reasoning("--thinking-budget", "6")
    #expect(limited.hasSuffix(sentence) && limited.contains("\n\nConsidering "))
    #expect(try reasoning("--thinking-budget", "0").isEmpty)
    #expect(try reasoning("--thinking-budget", "900") == free)
    let lines = ["/budget 6", Self.question, "/clear", "/budget x", "/budget", Self.question]
    let outcome = try BuiltProgram.quire.run(
      ["chat", Workplace.demo, "--temperature", "0"], input: Array(lines.joined(separator: "\n").utf8))
    let thoughts = outcome.errors.components(separatedBy: "thinking:\n").dropFirst()
      .map { $0.components(separatedBy: "\n\n[")[0] }
    #expect(thoughts.count == 2 && thoughts[0] == limited && thoughts[1].hasPrefix(free))
    #expect(
      outcome.errors.contains(
        "/budget: expected a number of tokens or nothing, found 'x'; correct it"))
    #expect(outcome.errors.contains("the reasoning has at most 6 tokens from now on\n"))
    #expect(outcome.errors.contains("the reasoning has no limit from now on\n"))
  }

  @Test func aConversationThatOutgrowsTheContextIsTold() throws {
    let place = Workplace()
    let long = String(repeating: "all ", count: 60)
    let outcome = try BuiltProgram.quire.run(
      ["chat", place.checkpoint.path, "--context", "64", "--quiet", "--temperature", "0"],
      input: Array("\(long)\n/exit\nnever said\n".utf8))
    #expect(outcome.status == 1 && outcome.output == "", "a script would not notice it")
    #expect(outcome.errors.contains("the context holds 64; shorten the message or raise --context"))
    #expect(outcome.errors.split(separator: "\n").count == 1)
  }

  @Test(arguments: [
    ("/foo", "unknown command /foo"), ("/budget x", "/budget: expected a number"),
    ("/clear now", "/clear: expected nothing after it, found 'now'"), ("/exit x", "/exit: expected nothing"),
    ("a\u{FF}", "line 1: expected UTF-8, found other bytes; convert the text"),
  ])
  func aRefusedLineOfAChatInAPipeIsAFailure(line: String, sentence: String) throws {
    let bytes = line.unicodeScalars.map { UInt8($0.value) } + Array("\n\(Self.question)\n".utf8)
    let words = ["chat", Workplace.demo, "--no-thinking", "--quiet", "--temperature", "0"]
    let outcome = try BuiltProgram.quire.run(words, input: bytes)
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasPrefix(sentence) && outcome.errors.split(separator: "\n").count == 1)
    // What follows is answered.
    #expect(outcome.output == (try BuiltProgram.quire.run(words, input: Array(Self.question.utf8))).output)
  }

  @Test func bytesThatAreNotUTF8AreRefused() throws {
    let piped = try BuiltProgram.quire.run(
      ["generate", Workplace.demo, "--prompt", "-"], input: Array("x\n".utf8) + [0xFF])
    expectRefusal(
      piped, by: "generate",
      ["expected UTF-8 on the standard input", "that are not UTF-8 in line 2", "convert the text"])
    let shell = try #require(Tool("bash"))
    let typed = try shell.run(
      ["-c", "exec \"$0\" generate \"$1\" --prompt $'x\\xff'", BuiltProgram.quire.path, Workplace.demo])
    #expect(typed.status == 2 && typed.output == "")
    #expect(typed.errors == "quire: expected UTF-8, found other bytes in argument 4; correct it\n")
  }

  @Test(arguments: ["chat", "tokenize"])
  func aFolderAsStandardInputIsNotAnEnd(command: String) throws {
    let shell = try #require(Tool("bash"))
    let outcome = try shell.run([
      "-c", "exec \"$0\" \(command) \"$1\" \(command == "chat" ? "--quiet" : "") </", BuiltProgram.quire.path,
      Workplace.demo,
    ])
    expectRefusal(
      outcome, by: command,
      ["expected to read the standard input", "is a directory", "give a file or a pipe"])
  }
}
