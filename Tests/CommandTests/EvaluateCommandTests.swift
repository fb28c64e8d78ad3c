import Foundation
import QuireJSON
import TestSupport
import Testing

/// `evaluate` on a tiny model: the keys that scripts hold on to, and what it refuses.
@Suite struct EvaluateCommandTests {
  private static let rowKeys = [
    "step", "recipe", "sizeBytes", "bitsPerWeight", "perplexity", "perplexityRatio", "klMean",
    "topOneAgreement",
    "promptTokensPerSecond", "decodeTokensPerSecond", "tasks",
  ]
  private static let recipe = """
    { name: "tiny", steps: [
        { step: "prune-heads", unit: "query-head-per-group", remove: 1 },
        { step: "quantize", scheme: "int8" } ],
      calibration: { source: "bundled", windows: 2, tokens: 48 } }
    """

  /// A workplace with tasks and a text in the checkpoint's folder's neighbourhood, given by options.
  private struct Subject {
    let place = Workplace()
    let data = TemporaryFolder()

    init() {
      let tasks = (0..<4).map {
        "{\"task\": \"t\($0 % 2)\", \"prompt\": \"hello \($0)\", \"answer\": \"\($0)\"}\n"
      }
      data.write(tasks.joined().utf8, to: "tasks.jsonl")
      data.write("hello there, hello all\nall in all a tale\nin the hall\n".utf8, to: "heldout.txt")
    }

    func words(model: String? = nil, _ extra: [String]) -> [String] {
      [
        "evaluate", model ?? place.checkpoint.path, "--tasks", data.path + "/tasks.jsonl", "--text",
        data.path + "/heldout.txt", "--max-tokens", "8", "--quiet",
      ].overridden(by: extra)
    }
  }

  @Test func theReportHasARowForTheReferenceAndOneAfterEachStep() throws {
    let subject = Subject()
    let path = subject.place.place("bill.json")
    let temporaries = TemporaryFolder()
    let outcome = try BuiltProgram.quire.run(
      subject.words(["--recipe", subject.place.recipe(Self.recipe), "--json", path]),
      environment: ["TMPDIR": temporaries.path])
    // The packs of the steps are gone.
    #expect(try FileManager.default.contentsOfDirectory(atPath: temporaries.path) == [])
    #expect(outcome.status == 0 && outcome.errors == "")
    for word in ["reference", "prune-heads", "quantize", "perplexity"] {
      #expect(outcome.output.contains(word))
    }
    #expect(subject.place.outputs == ["bill.json", "evaluation-results"])
    let report = try JSONValue.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
    let rows = try #require(report["rows"]?.arrayValue)
    #expect(rows.map { $0["step"] } == ["reference", "prune-heads", "quantize"])
    #expect(rows.map { $0["recipe"] } == [.null, "tiny", "tiny"])
    for row in rows {
      for key in Self.rowKeys { #expect(row[key] != nil, "\(key)") }
      for key in [
        "sizeBytes", "bitsPerWeight", "perplexity", "promptTokensPerSecond", "decodeTokensPerSecond",
      ] {
        #expect(try #require(row[key]?.doubleValue) > 0, "\(key)")
      }
      for task in ["t0", "t1"] {
        for mode in ["thinking", "nonThinking"] {
          let score = try #require(row["tasks"]?[task]?[mode])
          #expect((0...1).contains(try #require(score["accuracy"]?.doubleValue)))
          #expect(try #require(score["standardError"]?.doubleValue) >= 0)
          #expect(try #require(score["tokensPerAnswer"]?.doubleValue) >= 1)
        }
      }
    }
    #expect(rows[0]["perplexityRatio"]?.doubleValue == 1 && rows[0]["klMean"]?.doubleValue == 0)
    #expect(rows[0]["topOneAgreement"]?.doubleValue == 1)
    #expect(try #require(rows[2]["klMean"]?.doubleValue) > 0)
    let sizes = rows.compactMap { $0["sizeBytes"]?.intValue }
    #expect(sizes.count == 3 && sizes[1] < sizes[0] && sizes[2] < sizes[1])
  }

  /// An evaluation takes hours; what cannot be judged afterwards is refused before it.
  @Test(arguments: [
    ("foo<=1", [], "one of bits, decode"), ("KL<=0.02", [], "t0, t1, tasks, a task also with .thinking"),
    ("kl<=5MB", [], "in the unit of kl"), ("t0>=1", [], "an accuracy in % or a change in pt"),
    ("t0.thinking>=50%", ["--no-thinking"], "one of bits"), ("tasks>=-1pt", ["--no-tasks"], "one of bits"),
    ("decode>=1", ["--no-speed"], "no condition on speed"), ("kl<=1", ["--no-text"], "without a text"),
  ])
  func aGateOnWhatIsNotMeasuredIsRefusedFirst(gate: String, options: [String], expected: String) throws {
    let subject = Subject()
    var words = subject.words(options + ["--gate", gate])
    for option in ["--text", "--tasks"] where options.contains("--no-\(option.dropFirst(2))") {
      let index = try #require(words.firstIndex(of: option))
      words.removeSubrange(index...index + 1)
    }
    let outcome = try BuiltProgram.quire.run(words)
    #expect(outcome.status == 2 && outcome.output == "", "\(outcome.errors)")
    expectOneSentence(outcome.errors, by: "evaluate", ["--gate: expected", expected, "found '\(gate)'"])
  }

  /// The condition would pass without a comparison.
  @Test func aGateNeedsAModelBesidesTheReference() throws {
    let subject = Subject()
    let path = subject.place.place("alone.json")
    let options = ["--no-speed", "--problems", "1", "--no-thinking"]
    let gate = ["--gate", "kl<=0.0001"]
    for recipe in [[], ["--recipe", "keep"], ["--recipe", subject.place.recipe("{name:'n',steps:[]}")]] {
      let outcome = try BuiltProgram.quire.run(subject.words(options + recipe + gate))
      #expect(outcome.status == 2 && outcome.output == "", "\(outcome.errors)")
      expectOneSentence(
        outcome.errors, by: "evaluate", ["--gate: expected a model to judge, found only the reference"])
    }
    #expect(try BuiltProgram.quire.run(subject.words(options + ["--json", path])).status == 0)
    expectUsageError(
      try BuiltProgram.quire.run(["report", path] + gate), by: "report", ["found only the reference"])
  }

  /// A report on the standard output is all that is there, and only one fits.
  @Test func thePageMayBeOnTheStandardOutput() throws {
    let subject = Subject()
    let options = ["--no-speed", "--problems", "1", "--no-thinking"]
    let path = subject.place.place("r.json")
    let page = try BuiltProgram.quire.run(subject.words(options + ["--json", path, "--html", "-"]))
    #expect(page.status == 0 && page.output.hasPrefix("<!doctype html>"), "\(page.errors)")
    #expect(page.output.hasSuffix("</html>\n"), "no table after the page")
    let shown = try BuiltProgram.quire.run(["report", path, "--html", "-", "--baseline", path])
    #expect(shown.status == 0 && shown.output == page.output, "\(shown.errors)")
    let shell = try #require(Tool("sh"))
    let piped = try shell.run(["-c", "'\(BuiltProgram.quire.path)' report - --html - <'\(path)'"])
    #expect(piped.status == 0 && piped.output == page.output, "\(piped.errors)")
    for command in ["evaluate", "ablate"] {
      let both = try BuiltProgram.quire.run([command, "none", "--json", "-", "--html", "-"])
      #expect(both.status == 2 && both.output == "")
      expectOneSentence(
        both.errors, by: command, ["for one of --json and --html, found - for both", "name a file"])
    }
  }

  @Test func aBaselineOfOtherMaterialIsRefusedFirst() throws {
    let subject = Subject()
    let path = subject.place.place("old.json")
    let words = subject.words(["--no-speed", "--no-tasks", "--json", path]).filter {
      !$0.hasSuffix("tasks.jsonl")
    }
    .filter { $0 != "--tasks" }
    #expect(try BuiltProgram.quire.run(words).status == 0)
    subject.data.write("another text\n".utf8, to: "heldout.txt")
    let outcome = try BuiltProgram.quire.run(words.dropLast(2) + ["--baseline", path])
    #expect(outcome.status == 2 && outcome.output == "")
    expectOneSentence(outcome.errors, by: "evaluate", ["--baseline: expected a report of the same text"])
  }

  /// Another text of as many tokens is another text.
  @Test func aBaselineOfAnotherTextOfTheSameLengthIsRefused() throws {
    let subject = Subject()
    let path = subject.place.place("old.json")
    let words = [
      "evaluate", subject.place.checkpoint.path, "--no-tasks", "--no-speed", "--quiet", "--text",
      subject.data.path + "/heldout.txt",
    ]
    #expect(try BuiltProgram.quire.run(words + ["--json", path]).status == 0)
    #expect(try BuiltProgram.quire.run(words + ["--baseline", path]).status == 0)
    subject.data.write("all in all a tale\nhello there, hello all\nin the hall\n".utf8, to: "heldout.txt")
    let outcome = try BuiltProgram.quire.run(words + ["--baseline", path])
    #expect(outcome.status == 2)
    expectOneSentence(outcome.errors, by: "evaluate", ["--baseline: expected a report of the same text"])
  }

  @Test func tasksOfOneNameAndLongPromptsAreRefusedWithAdviceThatWorks() throws {
    let subject = Subject()
    func refuse(_ words: [String], _ parts: [String]) throws {
      let outcome = try BuiltProgram.quire.run(
        ["evaluate", subject.place.checkpoint.path, "--no-text", "--no-speed", "--quiet"] + words)
      expectRefusal(outcome, by: "evaluate", parts)
    }
    let tasks = subject.data.path + "/tasks.jsonl"
    let copy = subject.data.write(
      #"{"task": "t0", "prompt": "p", "answer": "1"}"#.utf8, to: "copy.jsonl")
    let qa = subject.data.write(#"{"question": "q", "answer": "1"}"#.utf8, to: "q.jsonl")
    let other = subject.data.write(#"{"question": "r", "answer": "1"}"#.utf8, to: "r.jsonl")
    try refuse(["--tasks", tasks, "--tasks", tasks], ["the task \"t0\"", "give it once"])
    try refuse(
      ["--tasks", tasks, "--tasks", copy], ["change the member \"task\" in the lines of one of them"])
    try refuse(
      ["--tasks", qa + ":qa", "--tasks", other + ":qa"],
      ["give \(other) another \"name\" in a description (.json5)"])
    let long = String(repeating: "all ", count: 2000)
    let file = subject.data.write(
      #"{"task": "t", "prompt": "\#(long)", "answer": "1"}"#.utf8, to: "long.jsonl")
    try refuse(
      ["--tasks", file],
      [file, "expected prompts of at most 1023 tokens", "the task \"t\"", "begins with \"all all"])
    let shots = subject.data.write(
      "{ kind: 'qa', file: 'q.jsonl', shots: { file: 'r.jsonl', count: 9 } }".utf8, to: "s.json5")
    try refuse(["--tasks", shots], ["expected 9 solved examples in", "found 1"])
    let label = subject.data.write(
      #"{"activity_label": "x", "ctx_a": "y", "endings": ["a", "b"], "label": ""}"#.utf8, to: "h.jsonl")
    try refuse(["--tasks", label + ":hellaswag"], ["found \"\"; correct"])
  }

  /// The model has 1,024 positions; the default is a quarter of them.
  @Test func theLimitOfAnswersIsKeptOrRefused() throws {
    let subject = Subject()
    func outcome(_ tokens: Int, _ options: [String] = []) throws -> Tool.Outcome {
      var words = subject.words(options + ["--no-speed", "--no-text", "--json", "-", "--problems", "1"])
      words.removeAll { $0 == "--text" || $0.hasSuffix("heldout.txt") }
      words[try #require(words.firstIndex(of: "--max-tokens")) + 1] = "\(tokens)"
      return try BuiltProgram.quire.run(words)
    }
    #expect(try json(outcome(300))["method"]?["tasks"]?["maximumTokens"]?["thinking"] == 300)
    let alone = try json(outcome(300, ["--no-thinking"]))["method"]?["tasks"]?["maximumTokens"]
    #expect(alone?["nonThinking"] == 300 && alone?["thinking"] == 256)
    expectUsageError(
      try outcome(1024), by: "evaluate", ["--max-tokens: expected at most", "1024 positions", "found 1024"])
  }

  @Test func aLinkToAPackStaysOne() throws {
    let subject = Subject()
    let pack = try subject.place.pack()
    let link = subject.data.path + "/link.quire"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: pack)
    let outcome = try BuiltProgram.quire.run(
      subject.words(
        model: link, ["--reference", subject.place.checkpoint.path, "--store", "--no-thinking", "--no-speed"])
    )
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == pack)
    let rows = try json(BuiltProgram.quire.run("inspect", pack, "--json"))["rows"]?.arrayValue
    #expect(rows?.contains { $0["perplexity"]?.doubleValue != nil } == true)
  }

  @Test func aPackIsComparedWithItsCheckpointAndKeepsTheRow() throws {
    let subject = Subject()
    let pack = try subject.place.pack()
    let outcome = try BuiltProgram.quire.run(
      subject.words(
        model: pack,
        ["--reference", subject.place.checkpoint.path, "--store", "--json", "-", "--no-thinking"]))
    let rows = try #require(json(outcome)["rows"]?.arrayValue)
    #expect(rows.count == 2 && outcome.errors == "")
    #expect(rows[1]["tasks"]?["t0"]?["nonThinking"] != nil && rows[1]["tasks"]?["t0"]?["thinking"] == nil)
    #expect(try BuiltProgram.quire.run("verify", pack, "--quiet").status == 0)
    let kept = try #require(json(BuiltProgram.quire.run("inspect", pack, "--json"))["rows"]?.arrayValue)
    #expect(kept.contains { $0["perplexity"] == rows[1]["perplexity"] })
    #expect(subject.place.outputs == ["out.quire"])
  }

  /// The sensitivity needs neither problems nor a text; a pack keeps it with the row of its checkpoint.
  @Test func theSensitivityAloneIsEnough() throws {
    let place = Workplace()
    let pack = try place.pack()
    let words = ["--sensitivity", "--no-tasks", "--no-text", "--no-speed", "--quiet"]
    let outcome = try BuiltProgram.quire.run(
      ["evaluate", pack, "--reference", place.checkpoint.path, "--store", "--json", "-"] + words)
    let report = try json(outcome)
    let matrices = try #require(report["sensitivity"]?["matrices"]?.arrayValue)
    #expect(!matrices.isEmpty && report["rows"]?[0]?["perplexity"] == .null)
    let rows = try json(BuiltProgram.quire.run("inspect", pack, "--json"))["rows"]
    #expect(rows?[0]?["sensitivity"]?["matrices"] == report["sensitivity"]?["matrices"])
    #expect(rows?[1]?["sensitivity"] == nil)
    // Without options that exclude them, problems and text are only missing.
    let text = try BuiltProgram.quire.run(
      ["evaluate", place.checkpoint.path, "--sensitivity", "--no-speed", "--quiet"])
    #expect(text.status == 0 && text.output.contains("Sensitivity — KL"), "\(text.errors)")
    // Speed alone is a measurement too.
    let speed = try BuiltProgram.quire.run(
      ["evaluate", place.checkpoint.path, "--no-tasks", "--no-text", "--quiet"])
    #expect(speed.status == 0, "\(speed.errors)")
    expectUsageError(
      try BuiltProgram.quire.run(
        ["evaluate", place.checkpoint.path, "--no-tasks", "--no-text", "--no-speed", "--quiet"]),
      by: "evaluate",
      [
        "--no-speed, --no-tasks and --no-text switch all of it off", "leave one of them out",
        "add --sensitivity",
      ])
  }

  @Test func whatCannotBeMeasuredIsRefused() throws {
    let subject = Subject()
    let place = subject.place
    func refuse(_ words: [String], _ parts: [String]) throws {
      expectRefusal(try BuiltProgram.quire.run(words), by: "evaluate", parts)
    }
    func refuseUsage(_ words: [String], _ parts: [String]) throws {
      expectUsageError(try BuiltProgram.quire.run(words), by: "evaluate", parts)
    }
    try refuseUsage(
      ["evaluate", place.checkpoint.path, "--quiet", "--no-tasks", "--kv-cache", "int8"],
      ["found only the reference", "give one or leave the types out"])
    let twice = try BuiltProgram.quire.run([
      "evaluate", place.checkpoint.path, "--quiet", "--kv-cache", "float16,float16",
    ])
    #expect(twice.status == 2)
    #expect(
      twice.errors.contains(
        "expected different types among float16, int8 and float32, separated by commas, found 'float16,float16'"
      ))
    try refuseUsage(
      ["evaluate", place.checkpoint.path, "--quiet"],
      ["neither a task file nor a text", "give one with --tasks or --text"])
    try refuse(
      subject.words(["--text", subject.data.path + "/absent"]),
      ["expected", "\(subject.data.path)/absent", "found", "give the path of a readable UTF-8 text file"])
    let bad = subject.data.write(
      "{\"task\": \"t\", \"prompt\": \"p\", \"answer\": \"a\"}\n[]\n".utf8, to: "bad.jsonl")
    try refuse(
      subject.words(["--tasks", bad]), ["bad.jsonl, line 2", "expected", "found", "correct or remove"])
    let empty = subject.data.write([], to: "empty.txt")
    try refuse(subject.words(["--text", empty]), ["expected", "empty.txt", "found none", "give a file"])
    let pack = try place.pack()
    try refuseUsage(subject.words(model: pack, ["--recipe", place.recipe(Self.recipe)]), ["recipe", "pack"])
    try refuseUsage(
      subject.words(["--store"]), ["--store: expected one pack", "found the folder", "or leave it out"])
    let other = Workplace(TinyCheckpoint(vocabularySize: 352))
    try refuse(
      subject.words(model: pack, ["--reference", other.checkpoint.path]),
      ["cannot be the reference", "give the checkpoint that the model was made from"])
    #expect(place.outputs == ["out.quire"])
  }
}
