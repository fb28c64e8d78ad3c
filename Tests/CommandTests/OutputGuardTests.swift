import Foundation
import QuireJSON
import TestSupport
import Testing

/// No command destroys a file: inputs never, other files only with `--force`.
@Suite struct OutputGuardTests {
  private let place = Workplace()
  private let texts = TemporaryFolder()

  /// Each way to name a file that exists.
  enum Spelling: String, CaseIterable, Sendable {
    case plain, dots, relative, symbolicLink, hardLink
  }

  /// A path that leads to `file`.
  private func path(to file: String, _ spelling: Spelling) throws -> String {
    let url = URL(fileURLWithPath: file)
    let link = place.place("link-" + UUID().uuidString)
    switch spelling {
    case .plain: return file
    case .dots:
      return url.deletingLastPathComponent().path + "/../"
        + url.pathComponents.suffix(2).joined(separator: "/")
    case .relative:
      let ups = String(
        repeating: "../", count: FileManager.default.currentDirectoryPath.split(separator: "/").count)
      return ups + file.dropFirst()
    case .symbolicLink:
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
      return link
    case .hardLink:
      try FileManager.default.linkItem(atPath: file, toPath: link)
      return link
    }
  }

  /// A plan refuses what the run would refuse at once.
  @Test(arguments: [
    ["convert", "--recipe", "int8", "--quiet"], ["export", "--format", "gguf"],
    ["export", "--format", "safetensors"],
  ])
  func outputsThatCannotBeMadeAreRefusedInThePlan(words: [String]) throws {
    for isPlan in [true, false] {
      let outcome = try BuiltProgram.quire.run(
        [words[0], Workplace.demo] + words.dropFirst() + ["--output", place.place("missing/x")]
          + (isPlan ? ["--plan"] : []))
      expectRefusal(
        outcome, by: words[0],
        ["--output: expected to write", "no such file or directory", "make the folder"])
    }
  }

  /// The index of a checkpoint may name shards in folders inside its own.
  @Test func shardsInFoldersAreInputs() throws {
    let checkpoint = TemporaryFolder()
    TinyCheckpoint(shardCount: 2).write(to: checkpoint)
    let (old, new) = ("model-00002-of-00002.safetensors", "a/b/weights.safetensors")
    try checkpoint.makeFolder("a/b")
    try FileManager.default.moveItem(
      atPath: checkpoint.path + "/" + old, toPath: checkpoint.path + "/" + new)
    let index = checkpoint.path + "/model.safetensors.index.json"
    let text = try String(contentsOfFile: index, encoding: .utf8)
    checkpoint.write(text.replacing(old, with: new).utf8, to: "model.safetensors.index.json")
    func convert(to output: String) throws -> Tool.Outcome {
      try BuiltProgram.quire.run(
        "convert", checkpoint.path, "--recipe", "int8", "--output", output, "--force", "--quiet")
    }
    expectRefusal(
      try convert(to: checkpoint.path + "/" + new), by: "convert", ["which is a file of the checkpoint"])
    #expect(try convert(to: checkpoint.path + "/a/b/out.quire").status == 0)
  }

  /// A pack for a pipe is made in the folder for temporary files; an empty variable is none.
  @Test func anEmptyFolderForTemporaryFilesIsTheDefault() throws {
    let shell = try #require(Tool("sh"))
    let outcome = try shell.run(
      [
        "-c", "exec \"$0\" convert \"$1\" --recipe int8 --output - --quiet >/dev/null",
        BuiltProgram.quire.path, Workplace.demo,
      ],
      environment: ["TMPDIR": ""])
    #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
    let wrong = try BuiltProgram.quire.run(
      ["convert", Workplace.demo, "--recipe", "int8", "--output", "-", "--quiet"],
      environment: ["TMPDIR": "/missing"])
    expectRefusal(wrong, by: "convert", ["can be made in /missing; set TMPDIR"])
    let piped = try shell.run(
      ["-c", "printf abc | \"$0\" verify -", BuiltProgram.quire.path], environment: ["TMPDIR": "/missing"])
    expectRefusal(piped, by: "verify", ["found: no such file or directory in /missing; set TMPDIR"])
  }

  /// A tokenizer with more ids than the model has is named before hours of work. GGUF files have no room for its tokens.
  @Test(arguments: [
    (["convert", "--recipe", "int8", "--quiet"], 0), (["export", "--format", "safetensors", "--quiet"], 0),
    (["export", "--format", "gguf", "--quiet"], 1),
  ])
  func tokenizersThatDoNotFitAreNamed(words: [String], status: Int) throws {
    let folder = place.checkpoint.path
    let path = folder + "/tokenizer.json"
    let text = [UInt8](try #require(bytes(path)))
    var members = try #require(JSONValue.parse(text).objectValue)
    let listed = members["added_tokens"]?.arrayValue ?? []
    let ids = listed.compactMap { $0["id"]?.intValue }
    let next = (ids.max() ?? 0) + 1
    let tokens: [JSONValue] = (next..<next + 100).map { id in
      [
        "id": .int(id), "content": .string("<|new\(id)|>"), "single_word": false, "lstrip": false,
        "rstrip": false,
        "normalized": false, "special": true,
      ]
    }
    members["added_tokens"] = .array(listed + tokens)
    try Data(JSONValue.object(members).serialized().utf8).write(to: URL(fileURLWithPath: path))
    for plan in [["--plan"], ["--output", place.place("x")]] {
      let outcome = try BuiltProgram.quire.run([words[0], folder] + words.dropFirst() + plan)
      #expect(Int(outcome.status) == status)
      #expect(
        outcome.errors.contains("in the tokenizer of \(folder), found \(next + 100)"), "\(outcome.errors)")
    }
  }

  private func bytes(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

  /// The files that commands read, and commands that would write to them: `OUT` stands for the output.
  private func attempts() throws -> [(input: String, words: [String])] {
    let checkpoint = place.checkpoint.path
    let recipe = texts.write(
      #"{ name: "r", steps: [{ step: "smooth", method: "smoothquant" }, { step: "quantize", scheme: "int8" }], calibration: { source: "t.txt", windows: 1, tokens: 8 } }"#
        .utf8, to: "r.json5")
    let text = texts.write(String(repeating: "some text ", count: 50).utf8, to: "t.txt")
    let tasks = texts.write("{}\n".utf8, to: "tasks.jsonl")
    let description = texts.write("{ kind: 'exact' }".utf8, to: "t.json5")
    let model = checkpoint + "/model.safetensors"
    let convert = ["convert", checkpoint, "--recipe", recipe, "--output", "OUT"]
    let calibrate = [
      "calibrate", checkpoint, "--calibration", text, "--windows", "1", "--tokens", "8", "--output", "OUT",
    ]
    let logits = ["logits", checkpoint, "--tokens", "1,2", "--output", "OUT"]
    let evaluate = [
      "evaluate", checkpoint, "--text", text, "--tasks", tasks, "--recipe", recipe, "--json", "OUT",
    ]
    let described = [
      "evaluate", checkpoint, "--text", text, "--tasks", tasks + ":" + description, "--json", "OUT",
    ]
    return [
      (description, described), (tasks, described),
      (model, convert), (checkpoint + "/config.json", convert), (recipe, convert), (text, convert),
      (model, calibrate), (text, calibrate), (checkpoint + "/tokenizer.json", calibrate),
      (text, ["calibrate", checkpoint, "--recipe", recipe, "--output", "OUT"]),
      (recipe, ["calibrate", checkpoint, "--recipe", recipe, "--output", "OUT"]),
      (model, logits),
      (model, evaluate), (text, evaluate), (tasks, evaluate), (recipe, evaluate),
    ]
  }

  @Test(arguments: Spelling.allCases)
  func anInputIsNoOutput(_ spelling: Spelling) throws {
    for (input, words) in try attempts() {
      let before = bytes(input)
      let output = try path(to: input, spelling)
      let outcome = try BuiltProgram.quire.run(
        words.map { $0 == "OUT" ? output : $0 } + ["--force", "--quiet"])
      expectRefusal(
        outcome, by: words[0], [": expected a", "found \(output)", "choose another"], "\(words[0]) \(input)")
      #expect(bytes(input) == before, "\(words[0]) \(input)")
      if spelling == .symbolicLink || spelling == .hardLink {
        try FileManager.default.removeItem(atPath: output)
      }
    }
    #expect(place.outputs == [])
  }

  /// A split GGUF file is named by its first part, and all parts are read.
  @Test func everyPartOfAModelIsAnInput() throws {
    let fixtures = TestPaths.repository + "/Tests/QuireCheckpointsTests/Fixtures/gguf/"
    let parts = (1...3).map { "split-0000\($0)-of-00003.gguf" }
    for part in parts {
      try FileManager.default.copyItem(atPath: fixtures + part, toPath: place.place(part))
    }
    let text = texts.write(String(repeating: "some text ", count: 50).utf8, to: "t.txt")
    let model = place.place(parts[0])
    for part in parts.dropFirst().map(place.place) {
      let before = bytes(part)
      for words in [
        ["convert", model, "--recipe", place.recipe(Workplace.int8), "--output", part],
        ["export", model, "--format", "gguf", "--output", part],
        ["logits", model, "--tokens", "1", "--output", part],
        ["calibrate", model, "--calibration", text, "--windows", "1", "--tokens", "8", "--output", part],
        ["evaluate", model, "--text", text, "--no-speed", "--json", part],
        ["ablate", model, "--json", part],
      ] {
        expectRefusal(
          try BuiltProgram.quire.run(words + ["--force"]), by: words[0],
          ["found \(part), which is a part of the model"], "\(words[0])")
        #expect(bytes(part) == before, "\(words[0])")
      }
    }
    #expect(place.outputs == parts)
  }

  /// The texts that an evaluation takes from the folder of a pack or of a GGUF file, and from that of a linked checkpoint.
  @Test func textsBesideTheModelAreInputs() throws {
    let pack = try place.pack()
    let link = place.place("linked")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: place.checkpoint.path)
    let text = place.place("heldout.txt")
    let precious = Data("one two three four\n".utf8)
    try precious.write(to: URL(fileURLWithPath: text))
    for model in [pack, link] {
      expectRefusal(
        try BuiltProgram.quire.run("evaluate", model, "--no-speed", "--json", text, "--force"),
        by: "evaluate", ["found \(text), which is the checkpoint's own heldout.txt"])
    }
    #expect(bytes(text) == precious)
  }

  @Test func packsAndStatisticsAreInputsToo() throws {
    let pack = try place.pack()
    let before = bytes(pack)
    for words in [
      ["logits", pack, "--tokens", "1", "--output", pack],
      ["evaluate", pack, "--json", pack, "--text", texts.write("a b c".utf8, to: "x.txt")],
    ] {
      expectRefusal(try BuiltProgram.quire.run(words + ["--force"]), by: words[0], ["which is the model"])
    }
    #expect(bytes(pack) == before)
    let text = texts.write(String(repeating: "some text ", count: 50).utf8, to: "t.txt")
    var files: [String] = []
    for name in ["a", "b"] {
      let file = place.place(name)
      let outcome = try BuiltProgram.quire.run(
        [
          "calibrate", place.checkpoint.path, "--calibration", text, "--windows", "1", "--tokens", "8",
          "--output", file, "--quiet",
        ])
      try #require(outcome.status == 0, "\(outcome.errors)")
      files.append(file)
    }
    let kept = bytes(files[1])
    expectRefusal(
      try BuiltProgram.quire.run(["calibrate", "--merge"] + files + ["--output", files[1], "--force"]),
      by: "calibrate", ["which is one of the statistics to add up"])
    #expect(bytes(files[1]) == kept)
  }

  /// A link to a name that a reader of checkpoints looks for, and a name like that in the folder itself.
  @Test func nothingIsAddedToACheckpoint() throws {
    let index = place.checkpoint.path + "/model.safetensors.index.json"
    let link = place.place("dangling")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: index)
    for output in [index, link, place.checkpoint.path + "/chat_template.jinja"] {
      expectRefusal(
        try BuiltProgram.quire.run([
          "logits", place.checkpoint.path, "--tokens", "1", "--output", output, "--force",
        ]),
        by: "logits", ["expected a path outside of the checkpoint's folder"])
    }
    #expect(!FileManager.default.fileExists(atPath: index))
  }

  /// What a writer keeps beside its output must not be an input either.
  @Test func anInputIsNoTemporary() throws {
    let recipe = place.recipe(Workplace.int8)
    let partial = place.place("out.quire.partial")
    try FileManager.default.copyItem(atPath: recipe, toPath: partial)
    let before = bytes(partial)
    expectRefusal(
      try BuiltProgram.quire.run(
        [
          "convert", place.checkpoint.path, "--recipe", partial, "--output", place.place("out.quire"),
          "--force",
        ]),
      by: "convert", ["expected a path whose temporary files are free", "which is the recipe"])
    #expect(bytes(partial) == before)
  }

  /// A file that only has the name of an unfinished output.
  @Test func aFileOfSomebodyElseIsNoUnfinishedOutput() throws {
    let precious = Data("precious\n".utf8)
    let pack = try place.pack(name: "whole.quire")
    let text = texts.write("one two three four\n".utf8, to: "x.txt")
    let out = place.place("out")
    let checkpoint = place.checkpoint.path
    for (words, ending) in [
      (place.conversion(to: "out"), ".partial"), (place.conversion(to: "out"), ".journal.partial"),
      (place.conversion(to: "out"), ".survey.partial"),
      (place.conversion(to: "out"), ".rows.partial"), (place.conversion(to: "out"), ".reference.partial"),
      (place.conversion(to: "out"), ".survey.rows.partial"),
      (place.conversion(to: "out"), ".survey.probes.rows.partial"),
      (["flatten", pack, "--output", out], ".partial"),
      (["flatten", pack, "--output", out], ".journal.partial"),
      (["export", pack, "--format", "gguf", "--output", out, "--quiet"], ".partial"),
      (["logits", checkpoint, "--tokens", "1", "--output", out], ".partial"),
      (
        ["evaluate", checkpoint, "--text", text, "--no-speed", "--quiet", "--json", out], ".partial"
      ),
    ] {
      let partial = out + ending
      try precious.write(to: URL(fileURLWithPath: partial))
      expectRefusal(
        try BuiltProgram.quire.run(words), by: words[0],
        ["found \(partial), which quire has not written", "add --force to replace it"])
      #expect(FileManager.default.contents(atPath: partial) == precious)
      let forced = try BuiltProgram.quire.run(words + ["--force"])
      #expect(forced.status == 0, "\(words): \(forced.errors)")
      #expect(place.outputs.filter { $0.hasPrefix("out") } == ["out"])
      try FileManager.default.removeItem(atPath: out)
    }
  }

  @Test func aFileIsReplacedOnlyByForce() throws {
    let pack = try place.pack()
    let before = bytes(pack)
    let text = texts.write("one two three four\n".utf8, to: "x.txt")
    for (words, file) in [
      (place.conversion(), pack),
      (["logits", place.checkpoint.path, "--tokens", "1", "--output", place.place("l")], place.place("l")),
      (
        [
          "calibrate", place.checkpoint.path, "--calibration",
          texts.write(String(repeating: "some text ", count: 50).utf8, to: "t.txt"), "--windows", "1",
          "--tokens", "8", "--quiet", "--output", place.place("s"),
        ], place.place("s")
      ),
      (
        [
          "evaluate", place.checkpoint.path, "--text", text, "--no-speed", "--quiet", "--json",
          place.place("j"),
        ],
        place.place("j")
      ),
    ] {
      if file != pack { try Data("mine".utf8).write(to: URL(fileURLWithPath: file)) }
      let own = bytes(file)
      expectRefusal(
        try BuiltProgram.quire.run(words), by: words[0],
        ["expected a path where nothing is, found the file \(file)", "add --force to replace it"])
      #expect(bytes(file) == own)
      let forced = try BuiltProgram.quire.run(words + ["--force"])
      #expect(forced.status == 0, "\(forced.errors)")
      if file != pack { #expect(bytes(file) != own) }
    }
    #expect(bytes(pack) == before)
    // A plan writes nothing, so it may name what it likes.
    let words = ["convert", place.checkpoint.path, "--recipe", place.recipe(Workplace.int8), "--plan"]
    #expect(try BuiltProgram.quire.run(words).status == 0)
    #expect(bytes(pack) == before)
  }
}
