import Foundation
import QuireJSON
import TestSupport
import Testing

/// Words that are nearly right, recipes by name, prompts by place.
@Suite struct CommandLineTests {
  private let place = Workplace()

  /// Tables of plans are split like those of reports.
  @Test func plansFitTheWidth() throws {
    let place = Workplace()
    let pack = try place.pack()
    for words in [
      ["convert", place.checkpoint.path, "--recipe", place.recipe(Self.int8), "--plan"],
      ["export", pack, "--format", "gguf", "--plan"],
    ] {
      for columns in [40, 200] {
        let outcome = try BuiltProgram.quire.run(words, environment: ["COLUMNS": "\(columns)"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let lines = outcome.output.split(separator: "\n").filter { $0.contains("q_proj") }
        #expect((lines.count > 1) == (columns == 40) && !lines.isEmpty)
        #expect(lines.allSatisfy { $0.count <= columns }, "\(lines)")
      }
    }
  }

  private static let int8 = "{ name: \"i\", steps: [{ step: \"quantize\", scheme: \"int8\" }] }"

  @Test(arguments: [
    (["convert", "", "--recipe", "int4", "--plan"], "CHECKPOINT"),
    (["convert", "m", "--recipe", ""], "--recipe"),
    (["convert", "m", "--recipe", "int4", "--output", ""], "--output"), (["inspect", ""], "MODEL"),
    (["evaluate", "m", ""], "MODEL…"),
  ])
  func anEmptyPathIsRefused(words: [String], name: String) throws {
    let outcome = try BuiltProgram.quire.run(words)
    #expect(outcome.status == 2 && outcome.output == "")
    #expect(
      outcome.errors
        == "quire \(words[0]): \(name): expected a path, found an empty text; name the file or folder\n")
  }

  @Test(arguments: [
    (["convrt", "m"], "quire: unknown command 'convrt', did you mean convert; expected one of "),
    (["help", "evalaute"], "quire: unknown command 'evalaute', did you mean evaluate; expected one of "),
    (["help", "chat", "more"], "quire help chat: expected nothing more, found 'more'; leave it out\n"),
    (["version", "x"], "quire version: expected nothing more, found 'x'; leave it out\n"),
    (["chta"], "quire: unknown command 'chta', did you mean chat; expected one of "),
    (["convert", "m", "--recpe", "r"], "quire convert: unknown option --recpe, did you mean --recipe; see "),
    (["serve", "m", "--prot=1"], "quire serve: unknown option --prot, did you mean --port; see "),
    (
      ["generate", "m", "--no-thinkin"],
      "quire generate: unknown option --no-thinkin, did you mean --no-thinking; see "
    ),
    (["generate", "m", "-x"], "quire generate: unknown option -x; see "),
    (["bench", "m", "--zzzzzzzz"], "quire bench: unknown option --zzzzzzzz; see "),
  ])
  func nearMisses(_ words: [String], sentence: String) throws {
    let outcome = try BuiltProgram.quire.run(words)
    #expect(outcome.status == 2 && outcome.output == "")
    #expect(outcome.errors.hasPrefix(sentence), "\(outcome.errors)")
  }

  @Test(arguments: UsageTests.promised.keys.sorted())
  func helpOfACommandBothWays(_ command: String) throws {
    let outcome = try BuiltProgram.quire.run("help", command)
    #expect(outcome.status == 0)
    #expect(outcome.output == (try BuiltProgram.quire.run(command, "--help")).output)
  }

  @Test(arguments: ["int8", "int8.json5", "demo/pruned-int4"])
  func aShippedRecipeIsFoundByItsName(_ name: String) throws {
    let folder = TemporaryFolder()
    let outcome = try BuiltProgram.quire.run(
      ["convert", Workplace.demo, "--recipe", name, "--plan"], folder: folder.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.hasPrefix("quire convert: --recipe \(name): taking /"))
    #expect(outcome.errors.contains("/recipes/" + name))
    let quiet = try BuiltProgram.quire.run(
      ["convert", Workplace.demo, "--recipe", name, "--plan", "--quiet"], folder: folder.path)
    #expect(quiet.status == 0 && quiet.errors == "")
    #expect(Workplace.withoutTimes(quiet.output) == Workplace.withoutTimes(outcome.output))
  }

  @Test func aFileOfTheSameNameComesFirst() throws {
    let folder = TemporaryFolder()
    folder.write(#"{ name: "mine", steps: [{ step: "quantize", scheme: "int8" }] }"#.utf8, to: "int4")
    let outcome = try BuiltProgram.quire.run(
      ["convert", Workplace.demo, "--recipe", "int4", "--plan"], folder: folder.path)
    #expect(outcome.status == 0 && outcome.errors == "" && outcome.output.hasPrefix("recipe mine"))
  }

  /// A shell's process substitution is a pipe.
  @Test func aRecipeMayComeFromAPipe() throws {
    let text = #"{ name: "piped", steps: [{ step: "quantize", scheme: "int8" }] }"#
    let outcome = try BuiltProgram.quire.run(
      ["convert", Workplace.demo, "--recipe", "/dev/stdin", "--plan"], input: Array(text.utf8))
    #expect(outcome.status == 0 && outcome.output.hasPrefix("recipe piped"), "\(outcome.errors)")
  }

  @Test func aRecipeThatIsNowhere() throws {
    for command in [
      ["convert", Workplace.demo, "--plan"], ["evaluate", Workplace.demo],
      ["calibrate", Workplace.demo, "--output", "s"],
    ] {
      expectRefusal(
        try BuiltProgram.quire.run(command + ["--recipe", "int5"]), by: command[0],
        ["--recipe: expected a file or one of the recipes", "int4, ", "found 'int5', did you mean int4"])
    }
    expectRefusal(
      try BuiltProgram.quire.run(["convert", Workplace.demo, "--plan", "--recipe", "./int4.json5"]),
      by: "convert",
      ["./int4.json5"])
  }

  @Test func aPromptMayStandAfterTheModel() throws {
    let words = ["--no-thinking", "--temperature", "0", "--max-tokens", "6", "--quiet"]
    let long = try BuiltProgram.quire.run(["generate", Workplace.demo, "--prompt", "What is 3+4?"] + words)
    #expect(long.status == 0)
    for spelling in [["What is 3+4?"], ["-p", "What is 3+4?"], ["--", "What is 3+4?"]] {
      let before = spelling.first == "--" ? words + spelling : spelling + words
      #expect(try BuiltProgram.quire.run(["generate", Workplace.demo] + before).output == long.output)
    }
    let dash = try BuiltProgram.quire.run(["generate", Workplace.demo] + words + ["--", "-3 is what?"])
    #expect(dash.status == 0)
    let both = try BuiltProgram.quire.run("generate", "m", "x", "--prompt", "y")
    #expect(both.status == 2)
    #expect(
      both.errors
        == "quire generate: expected one prompt, found both PROMPT and --prompt; leave one of them out\n")
  }

  /// Bits per weight as plans and evaluations count them, and those of the file, each under its name.
  @Test func anInspectionCountsBitsAsThePlanDoes() throws {
    let pack = try place.pack(#"{ name: "a", steps: [{ step: "quantize", scheme: "int4", group: 32 }] }"#)
    let plan = try BuiltProgram.quire.run(
      "convert", place.checkpoint.path, "--recipe",
      place.recipe(#"{ name: "a", steps: [{ step: "quantize", scheme: "int4", group: 32 }] }"#), "--plan")
    let row = try #require(plan.output.split(separator: "\n").first { $0.hasPrefix("quantize") })
    let bits = try #require(row.firstMatch(of: /(\d+\.\d\d) +\d+\.\d%/)).1
    let text = try BuiltProgram.quire.run("inspect", pack).output
    #expect(
      text.contains("weights in memory ") && text.contains(", \(bits) bits per weight; on disk "), "\(text)")
  }

  /// A pack keeps figures of the checkpoint that it was made from, those of one text, and those that were not measured again.
  @Test func aPackKeepsWhatBelongsToIt() throws {
    let pack = try place.pack()
    func store(_ words: [String]) throws -> Tool.Outcome {
      try BuiltProgram.quire.run(["evaluate", pack, "--no-speed", "--store", "--quiet"] + words)
    }
    func rows() throws -> [JSONValue] {
      let inspected = try BuiltProgram.quire.run("inspect", pack, "--json").output
      return try #require(JSONValue.parse(Array(inspected.utf8))["rows"]?.arrayValue)
    }
    let text = place.place("t.txt")
    try Data("one two three\nfour five six seven\n".utf8).write(to: URL(fileURLWithPath: text))
    let own = ["--reference", place.checkpoint.path]
    expectRefusal(
      try store(["--reference", Workplace.demo, "--text", text, "--no-tasks"]), by: "evaluate",
      [
        "--store: expected the checkpoint that \(pack) was made from as the reference",
        "found other weights in",
      ])
    try #require(try store(own + ["--text", text, "--no-tasks"]).status == 0)
    let first = try #require(try rows().last)
    #expect(first["klMean"]?.doubleValue != nil)
    let tasks = place.place("tasks.jsonl")
    try Data(#"{"task": "t", "prompt": "hello", "answer": "1"}"#.utf8).write(to: URL(fileURLWithPath: tasks))
    try #require(try store(own + ["--no-text", "--tasks", tasks, "--max-tokens", "4"]).status == 0)
    let second = try #require(try rows().last)
    #expect(second["klMean"] == first["klMean"] && second["tasks"]?["t"] != nil)
    // Another text, without a reference: figures of the first one do not stay beside it.
    try Data("eight nine ten\n".utf8).write(to: URL(fileURLWithPath: text))
    try #require(try store(["--text", text, "--no-tasks"]).status == 0)
    let third = try rows()
    #expect(
      third.allSatisfy { ($0["klMean"]?.isNull ?? true) } && third.first?["perplexity"]?.doubleValue == nil)
    #expect(third.last?["perplexity"] != first["perplexity"] && third.last?["tasks"] == second["tasks"])
  }

  /// All figures but sizes depend on the cache, so those of another one do not stay beside new ones.
  @Test func aPackKeepsFiguresOfOneCache() throws {
    let pack = try place.pack()
    let text = place.place("t.txt")
    try Data("one two three\nfour five six seven\n".utf8).write(to: URL(fileURLWithPath: text))
    let tasks = place.place("tasks.jsonl")
    try Data(#"{"task": "t", "prompt": "hello", "answer": "1"}"#.utf8).write(to: URL(fileURLWithPath: tasks))
    func store(_ words: [String]) throws -> String {
      let outcome = try BuiltProgram.quire.run(["evaluate", pack, "--no-speed", "--store"] + words)
      try #require(outcome.status == 0, "\(outcome.errors)")
      return outcome.errors
    }
    func last() throws -> JSONValue? {
      let inspected = try BuiltProgram.quire.run("inspect", pack, "--json").output
      return try JSONValue.parse(Array(inspected.utf8))["rows"]?.arrayValue?.last
    }
    func table() throws -> String {
      let outcome = try BuiltProgram.quire.run(["inspect", pack], environment: ["COLUMNS": "150"])
      return outcome.output.components(separatedBy: "after each step:\n").last ?? ""
    }
    let note = "\(pack) no longer has figures of the int8 cache"
    #expect(try !store(["--text", text, "--no-tasks", "--kv-cache", "int8"]).contains("no longer has"))
    #expect(try last()?["kvCache"] == "int8" && last()?["perplexity"]?.doubleValue != nil)
    #expect(try table().contains("int8"))
    #expect(try store(["--no-text", "--tasks", tasks, "--max-tokens", "4"]).contains("note: \(note)\n"))
    let row = try #require(try last())
    #expect(row["kvCache"] == "float16" && row["perplexity"] == nil && row["textHash"] == nil)
    #expect(row["tasks"]?["t"] != nil && row["weightBytes"]?.intValue != nil)
    #expect(try !table().contains("float16"))
  }

  @Test func anInspectionShowsTheEvaluationAsATable() throws {
    let pack = try place.pack()
    let text = place.place("t.txt")
    try Data("one two three\nfour five six seven\n".utf8).write(to: URL(fileURLWithPath: text))
    let stored = try BuiltProgram.quire.run(
      "evaluate", pack, "--reference", place.checkpoint.path, "--text", text, "--no-speed", "--store",
      "--quiet")
    try #require(stored.status == 0, "\(stored.errors)")
    let outcome = try BuiltProgram.quire.run(["inspect", pack], environment: ["COLUMNS": "150"])
    let section = try #require(outcome.output.components(separatedBy: "after each step:\n").last)
    #expect(section.hasPrefix("step") && section.contains("KL mean") && section.contains("\nquantize "))
    // Figures are rounded for people.
    #expect(section.firstMatch(of: /\d\.\d{6}/) == nil && !section.contains("{"))
  }
}
