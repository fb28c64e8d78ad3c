import Foundation
import QuireJSON
import TestSupport
import Testing

/// What people see: widths, colours, and nothing that a terminal obeys.
@Suite struct TerminalTests {
  private let place = Workplace()

  @Test(arguments: [40, 80, 100, 200])
  func everythingFitsTheWindow(_ columns: Int) throws {
    let pack = try place.pack(
      #"{ name: "a-recipe-with-a-long-name", steps: [{ step: "quantize", scheme: "int4", group: 32 }] }"#)
    let text = place.place("t.txt")
    try Data("one two three\nfour five six seven\n".utf8).write(to: URL(fileURLWithPath: text))
    let model = place.checkpoint.path
    for words in [
      ["--help"], ["help", "bench"], ["convert", "--help"], ["inspect", pack], ["inspect", model],
      ["verify", pack],
      [
        "convert", model, "--recipe", place.recipe(Workplace.int8), "--output",
        place.place("w\(columns).quire"),
      ],
      ["convert", model, "--recipe", place.recipe(Workplace.int8), "--plan"],
      ["evaluate", model, "--recipe", place.recipe(Workplace.int8), "--text", text, "--no-speed"],
      ["bench", model, "--prompt-tokens", "8", "--generate-tokens", "2", "--batch", "1,2", "--repeat", "1"],
      ["frobnicate"], ["convert", "--frobnicate"],
    ] {
      let session = try #require(TerminalSession(words, columns: columns))
      let status = session.finish()
      #expect(status <= 2, "\(words): \(session.transcript)")
      #expect(session.linesTooWide == [], "\(words)")
    }
  }

  @Test func pipedTablesAreEightyColumnsWideOrAsColumnsSays() throws {
    let pack = try place.pack()
    for (columns, environment) in [(80, [:]), (60, ["COLUMNS": "60"]), (200, ["COLUMNS": "200"])]
      as [(Int, [String: String])]
    {
      let outcome = try BuiltProgram.quire.run(["inspect", pack], environment: environment)
      let table = outcome.output.split(separator: "\n").filter { $0.hasPrefix("model.") || $0.hasPrefix("─") }
      #expect(!table.isEmpty && table.allSatisfy { $0.count <= columns }, "\(columns)")
    }
  }

  @Test func colourAndBarsAreLeftOutWhereUnwanted() throws {
    let words = [
      "generate", Workplace.demo, "--prompt", "What is 1+2?", "--max-tokens", "8", "--temperature", "0",
    ]
    for (environment, isDim) in [([:], true), (["NO_COLOR": "1"], false), (["TERM": "dumb"], false)]
      as [([String: String], Bool)]
    {
      let session = try #require(TerminalSession(words, environment: environment))
      #expect(session.finish() == 0)
      #expect(session.transcript.contains("\u{1b}[2m") == isDim, "\(environment)")
    }
    let dumb = try #require(TerminalSession(["verify", try place.pack()], environment: ["TERM": "dumb"]))
    #expect(dumb.finish() == 0)
    #expect(!dumb.transcript.contains("\u{1b}") && !dumb.transcript.contains("\r"))
  }

  /// Names come from strangers: nothing in them may move the cursor or add a line.
  @Test func controlCharactersAreSpelledOut() throws {
    let escape = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}"
    let spelled = "\\u001b]0;owned\\u0007\\u009b2J\\u202e"
    for words in [
      ["inspect", "no" + escape], ["verify", "no\n" + escape], ["generate", "no" + escape, "x"],
      ["convert", place.checkpoint.path, "--recipe", "no" + escape, "--output", "x"], ["frob" + escape],
      ["convert", "--frob" + escape], ["bench", "--shape", escape],
    ] {
      let outcome = try BuiltProgram.quire.run(words)
      #expect(outcome.errors.contains(spelled), "\(outcome.errors)")
      #expect(outcome.errors.count(where: \.isNewline) == 1)
      let session = try #require(TerminalSession(words, columns: 200))
      _ = session.finish()
      #expect(!session.transcript.contains("\u{1b}") && !session.transcript.contains("\u{9b}"))
    }
    // A recipe's name stands in the plan and in the pack.
    let recipe = place.recipe(#"{ name: "\u001b[31mred", steps: [{ step: "quantize", scheme: "int8" }] }"#)
    let output = place.place("p.quire")
    let plan = try BuiltProgram.quire.run(
      "convert", place.checkpoint.path, "--recipe", recipe, "--output", output)
    #expect(plan.status == 0 && plan.output.contains("\\u001b[31mred") && !plan.output.contains("\u{1b}"))
    #expect(!(try BuiltProgram.quire.run("inspect", output)).output.contains("\u{1b}"))
  }

  /// A line feed in a name would forge a line or break a table.
  @Test func namesStayOnOneLine() throws {
    let recipe = place.recipe(#"{ name: "n\nline2", steps: [{ step: "quantize", scheme: "int8" }] }"#)
    let (pack, text) = (place.place("a\nline2.quire"), place.place("t\nline2.txt"))
    try Data("one two three\n".utf8).write(to: URL(fileURLWithPath: text))
    let model = place.checkpoint.path
    for words in [
      ["convert", model, "--recipe", recipe, "--output", pack], ["inspect", pack], ["verify", pack],
      ["evaluate", pack, "--text", text, "--no-speed"],
      ["evaluate", model, "--recipe", recipe, "--text", text, "--no-speed"],
    ] {
      let outcome = try BuiltProgram.quire.run(words)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let lines = outcome.output.split(separator: "\n")
      #expect(!lines.contains { $0.hasPrefix("line2") }, "\(outcome.output)")
      #expect(outcome.output.contains("\\u000aline2"), "\(outcome.output)")
    }
  }

  /// The sentence about the signal does not stand in the line of the answer.
  @Test func aStoppedAnswerEndsItsLine() throws {
    let folder = TemporaryFolder()
    var checkpoint = DictatingCheckpoint(nonThinking: "word one two", isEndless: true)
    checkpoint.base.maximumPositions = 1 << 17
    checkpoint.write(to: folder)
    let session = try #require(
      TerminalSession([
        "generate", folder.path, "x", "--no-thinking", "--temperature", "0", "--context", "131072",
      ]))
    #expect(session.wait(for: "word one"))
    session.type("\u{3}")
    #expect(session.finish() == 130)
    #expect(
      session.transcript.contains("\nquire generate: stopped by SIGINT\n"),
      "\(session.transcript.suffix(200))")
  }

  @Test func aModelsControlCharactersReachPipesOnly() throws {
    let folder = TemporaryFolder()
    DictatingCheckpoint(nonThinking: "a\u{1b}[31mb\tc\nd").write(to: folder)
    let words = ["generate", folder.path, "--prompt", "x", "--no-thinking", "--temperature", "0", "--quiet"]
    #expect(try BuiltProgram.quire.run(words).output == "a\u{1b}[31mb\tc\nd\n")
    let session = try #require(TerminalSession(words))
    #expect(session.finish() == 0)
    #expect(session.transcript.contains("a\\u001b[31mb") && !session.transcript.contains("\u{1b}"))
  }

  @Test func aPipedAnswerIsTheAnswerAlone() throws {
    let folder = TemporaryFolder()
    DictatingCheckpoint(thinking: "<think>\nHm.\n</think>\n\nYes.").write(to: folder)
    let words = ["generate", folder.path, "--prompt", "x", "--temperature", "0"]
    let outcome = try BuiltProgram.quire.run(words)
    #expect(outcome.status == 0 && outcome.output == "Yes.\n")
    #expect(outcome.errors.hasPrefix("thinking:\nHm.") && outcome.errors.contains("\n["))
    let quiet = try BuiltProgram.quire.run(words + ["--quiet"])
    #expect(quiet.output == "Yes.\n" && quiet.errors == "")
  }
}
