import Foundation
import QuireFiles
import QuireJSON
import TestSupport
import Testing

/// `quire delta` and `flatten`, `convert --parent`, packs from and to pipes, and `inspect --tensor`, as a user types them.
@Suite struct DeltaCommandTests {
  private let place = Workplace()
  private static let int8g32 =
    #"{ name: "int8-g32", steps: [{ step: "quantize", scheme: "int8", group: 32 }] }"#

  private func run(_ words: String..., input: [UInt8] = [], folder: String? = nil) throws -> Tool.Outcome {
    try BuiltProgram.quire.run(words, input: input, folder: folder)
  }

  private func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: place.place(name))))
  }

  /// Whole packs `base.quire` and `other.quire`, and `delta.quire` between them.
  private func makePacks() throws {
    let base = try place.pack(name: "base.quire")
    let other = try place.pack(Self.int8g32, name: "other.quire")
    let outcome = try run(
      "delta", other, "--parent", base, "--output", place.place("delta.quire"), "--quiet")
    try #require(outcome.status == 0 && outcome.output == "" && outcome.errors == "", "\(outcome.errors)")
  }

  /// Runs a command of the shell with QUIRE as the program.
  private func shell(_ text: String) throws -> Tool.Outcome {
    try #require(Tool("bash")).run(
      ["-c", "set -o pipefail; " + text], environment: ["QUIRE": BuiltProgram.quire.path], folder: place.path)
  }

  /// The size in a report is what has to be on the disk: of the pack and its parent.
  @Test func aReportSaysWhatTheParentTakes() throws {
    try makePacks()
    let text = place.place("text.txt")
    try Data("hello there, hello all\n".utf8).write(to: URL(fileURLWithPath: text))
    func evaluate(_ words: String...) throws -> Tool.Outcome {
      try BuiltProgram.quire.run(
        ["evaluate", place.place("delta.quire"), "--text", text, "--no-tasks", "--no-speed", "--quiet"]
          + words)
    }
    let row = try json(evaluate("--json", "-"))["rows"]?[0]
    let sizes = try ["delta.quire", "base.quire"].map { try bytes($0).count }
    #expect(row?["sizeBytes"]?.intValue == sizes[0] + sizes[1])
    let shown = sizes.map(ByteText.of)
    let note = "its size on disk is \(shown[0]) of its own and \(shown[1]) of its parent base.quire"
    #expect(row?["notes"] == [.string(note)])
    #expect(try evaluate().output.replacing("\n  ", with: " ").contains(note))
  }

  /// A given parent that is none is said by every command that reads the model.
  @Test func evaluateSaysThatAGivenParentIsNone() throws {
    try makePacks()
    let text = place.place("text.txt")
    try Data("hello there, hello all\n".utf8).write(to: URL(fileURLWithPath: text))
    let other = place.place("other.quire")
    let outcome = try run(
      "evaluate", place.place("delta.quire"), "--parent", other, "--text", text, "--no-tasks", "--no-speed",
      "--quiet")
    #expect(outcome.status == 0)
    #expect(
      outcome.errors.hasPrefix("note: expected the parent of ")
        && outcome.errors.contains("at \(other), found it"),
      "\(outcome.errors)")
  }

  /// What a pack keeps of an evaluation is true of the pack that it becomes.
  @Test func storedSizesAreNotOfTheParent() throws {
    try makePacks()
    let (delta, flat) = (place.place("delta.quire"), place.place("flat.quire"))
    let text = place.place("text.txt")
    try Data("hello there, hello all\n".utf8).write(to: URL(fileURLWithPath: text))
    func row(_ pack: String) throws -> JSONValue? {
      try json(run("inspect", pack, "--json"))["rows"]?.arrayValue?.last
    }
    let stored = try run(
      "evaluate", delta, "--text", text, "--no-tasks", "--no-speed", "--quiet", "--store")
    try #require(stored.status == 0, "\(stored.errors)")
    #expect(try row(delta)?["notes"] == nil && row(delta)?["weightBytes"]?.intValue != nil)
    #expect(try run("flatten", delta, "--output", flat, "--quiet").status == 0)
    let own = try #require(try row(flat))
    let before = try #require(try row(place.place("other.quire")))
    #expect(own["sizeBytes"] == before["sizeBytes"] && own["weightBytes"] == nil && own["notes"] == nil)
    #expect(own["perplexity"]?.doubleValue != nil)
  }

  @Test func aDeltaPackIsAPack() throws {
    try makePacks()
    let delta = place.place("delta.quire")
    #expect(try bytes("delta.quire").count < bytes("other.quire").count)
    let direct = try BuiltProgram.quire.run(
      place.conversion(Self.int8g32, to: "direct.quire") + ["--parent", place.place("base.quire")])
    #expect(direct.status == 0, "\(direct.errors)")
    #expect(try bytes("direct.quire") == bytes("delta.quire"))
    let verified = try run("verify", delta)
    #expect(
      verified.status == 0 && verified.output.contains(" and in its parent \(place.place("base.quire"))"))
    #expect(try run("flatten", delta, "--output", place.place("flat.quire"), "--quiet").status == 0)
    #expect(try bytes("flat.quire") == bytes("other.quire"))
    let inspected = try json(run("inspect", delta, "--json"))
    let whole = try json(run("inspect", place.place("other.quire"), "--json"))
    #expect(inspected["contents"] == whole["contents"] && whole["parent"] == .null)
    #expect(inspected["parent"]?["file"] == "base.quire")
    #expect((inspected["parent"]?["differences"]?.intValue ?? 0) > 3)
    #expect(try run("inspect", delta).output.contains("\ndelta pack: "))
    for pack in [delta, place.place("other.quire")] {
      let logits = try run("logits", pack, "--tokens", "1,2", "--output", pack + ".logits", "--quiet")
      #expect(logits.status == 0, "\(logits.errors)")
    }
    #expect(try bytes("delta.quire.logits") == bytes("other.quire.logits"))
    let stored = place.outputs.filter { $0.hasSuffix(".partial") }
    #expect(stored == [])
  }

  @Test func theParentIsFound() throws {
    try makePacks()
    let elsewhere = TemporaryFolder()
    let alone = elsewhere.write(try bytes("delta.quire"), to: "delta.quire")
    let quire = BuiltProgram.quire
    expectRefusal(
      try run("verify", alone, "--quiet"), by: "verify",
      ["expected the pack base.quire with the contents ", "found none; copy it next to \(alone)", "--parent"])
    for path in [place.path, place.place("base.quire")] {
      #expect(try run("verify", alone, "--parent", path, "--quiet").status == 0)
      #expect(try quire.run(["inspect", alone], environment: ["QUIRE_PARENT": path]).status == 0)
    }
    let (apart, base) = (elsewhere.path + "/apart.quire", place.place("base.quire"))
    let made = try run("delta", place.place("other.quire"), "--parent", base, "--output", apart, "--quiet")
    #expect(made.status == 0 && made.output == "")
    #expect(
      made.errors.hasPrefix(
        "note: the parent of \(apart) is in another folder: commands that read the delta pack need --parent /"
      )
        && made.errors.contains("base.quire, or a copy of it next to the delta pack"), "\(made.errors)")
    elsewhere.write(try bytes("other.quire"), to: "base.quire")
    expectRefusal(
      try run("inspect", alone), by: "inspect",
      ["found \(elsewhere.path)/base.quire with the contents ", "give its path with --parent"])
    expectRefusal(
      try run("inspect", alone, "--parent", place.place("delta.quire")), by: "inspect",
      ["expected a whole pack at", "found a delta pack"])
  }

  /// By that name the pack would be looked for as its own parent.
  @Test func aDeltaPackHasAnotherNameThanItsParent() throws {
    try makePacks()
    let elsewhere = TemporaryFolder()
    let base = place.place("base.quire")
    let output = elsewhere.path + "/base.quire"
    let convert = [
      "convert", place.checkpoint.path, "--recipe", place.recipe(Self.int8g32), "--parent", base,
      "--output", output,
    ]
    for words in [
      convert, convert + ["--plan"],
      ["delta", place.place("other.quire"), "--parent", base, "--output", output],
    ] {
      expectRefusal(
        try BuiltProgram.quire.run(words), by: words[0],
        [
          "expected to write \(output), found: the file name of its parent \(base)", "choose another name",
        ])
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere.path) == [])
  }

  /// The parent beside the pack is used, and not in silence.
  @Test func aParentThatDoesNotFitIsNamed() throws {
    try makePacks()
    let (delta, other) = (place.place("delta.quire"), place.place("other.quire"))
    for words in [
      ["verify", delta], ["inspect", delta],
      ["logits", delta, "--tokens", "1", "--output", place.place("l")],
      ["flatten", delta, "--output", place.place("flat.quire")],
    ] {
      let outcome = try BuiltProgram.quire.run(
        words + ["--parent", other] + (words[0] == "inspect" ? [] : ["--quiet"]))
      #expect(outcome.status == 0)
      #expect(
        outcome.errors
          == "note: expected the parent of \(delta) at \(other), found it only at \(place.place("base.quire")), which is used; "
          + "correct --parent or leave it out\n", "\(words[0])")
    }
  }

  /// Nothing at a given path is a fault, also where the path is not needed.
  @Test func missingParentsAreRefused() throws {
    try makePacks()
    let (delta, missing) = (place.place("delta.quire"), place.place("none.quire"))
    for model in [delta, place.place("base.quire"), place.checkpoint.path] {
      expectRefusal(
        try run("inspect", model, "--parent", missing), by: "inspect",
        [
          "--parent: expected a readable pack at \(missing), or a folder of packs, found nothing",
          "check the path",
        ])
    }
    expectRefusal(
      try run("inspect", delta, "--parent", place.path, "--parent", missing), by: "inspect",
      ["found nothing"])
    // A variable is for all commands, so it matters where a parent is looked for.
    let named = ["QUIRE_PARENT": missing]
    expectRefusal(
      try BuiltProgram.quire.run(["inspect", delta], environment: named), by: "inspect",
      ["found nothing at the given path \(missing)"])
    #expect(
      try BuiltProgram.quire.run(["verify", place.place("base.quire")], environment: named).status == 0)
  }

  @Test func wrongParentsAreRefused() throws {
    try makePacks()
    let (delta, other) = (place.place("delta.quire"), place.place("other.quire"))
    let output = place.place("x.quire")
    expectRefusal(
      try run("delta", other, "--parent", delta, "--output", output), by: "delta",
      ["expected a whole pack", "quire flatten"])
    expectRefusal(
      try run("delta", other, "--parent", "-", "--output", output), by: "delta",
      ["--parent: expected the path of a pack, found -"])
    expectRefusal(
      try run("delta", other, "--parent", place.place("none"), "--output", output), by: "delta",
      ["expected a readable pack at"])
    expectRefusal(
      try run(
        "delta", other, "--parent", place.place("base.quire"), "--output", place.place("base.quire"),
        "--force"),
      by: "delta", ["which is the parent"])
    #expect(try run("delta", other, "--output", output).status == 2)
    #expect(!place.outputs.contains { $0.hasPrefix("x.quire") })
  }

  /// No command writes to the pack that its model takes tensors from, whatever name it is given by.
  @Test func theParentIsNeverOverwritten() throws {
    try makePacks()
    let delta = place.place("delta.quire")
    let before = try bytes("base.quire")
    try FileManager.default.createSymbolicLink(
      atPath: place.place("link.quire"), withDestinationPath: "base.quire")
    for output in [place.place("base.quire"), place.place("link.quire")] {
      for words in [
        ["logits", delta, "--tokens", "1", "--output", output],
        ["export", delta, "--format", "gguf", "--output", output],
        ["export", delta, "--format", "safetensors", "--output", output],
        ["flatten", delta, "--output", output], ["evaluate", delta, "--json", output],
        ["ablate", delta, "--json", output],
      ] {
        expectRefusal(
          try BuiltProgram.quire.run(words + ["--force"]), by: words[0],
          ["found \(output), which is the parent of the model"])
      }
    }
    #expect(try bytes("base.quire") == before)
    expectUsageError(
      try BuiltProgram.quire.run(["evaluate", "-", "--store"], input: before), by: "evaluate",
      ["--store: expected the path of a pack"])
  }

  @Test func packsGoThroughPipes() throws {
    try makePacks()
    let convert =
      "\"$QUIRE\" convert '\(place.checkpoint.path)' --recipe '\(place.recipe(Self.int8g32))' --threads 1"
    #expect(try shell(convert + " --output - > piped.quire 2> errors").status == 0)
    #expect(try bytes("piped.quire") == bytes("other.quire"))
    #expect(try shell("\"$QUIRE\" flatten delta.quire --output - --quiet | cmp - other.quire").status == 0)
    #expect(
      try shell("\"$QUIRE\" delta other.quire --parent base.quire --output - | cmp - delta.quire").status == 0
    )
    for command in ["verify -", "inspect - --json", "generate - -p x --max-tokens 2 --quiet"] {
      let piped = try shell("cat delta.quire | \"$QUIRE\" \(command)")
      #expect(piped.status == 0, "\(command): \(piped.errors)")
    }
    let cut = try shell("head -c 3000 other.quire | \"$QUIRE\" verify -")
    expectRefusal(cut, by: "verify", ["expected a whole pack in the standard input, found "])
    expectRefusal(
      try shell("yes 2> /dev/null | \"$QUIRE\" inspect -"), by: "inspect",
      ["expected a pack at the standard input, found a file that starts with the bytes 79 0a"])
    expectRefusal(
      try shell("true | \"$QUIRE\" verify -"), by: "verify",
      ["expected a pack at the standard input, found an empty file"])
    for words in [["chat", "-"], ["tokenize", "-"], ["generate", "-", "-p", "-"]] {
      let outcome = try BuiltProgram.quire.run(words, input: [1])
      #expect(
        outcome.status == 2 && outcome.errors.contains("expected the path of a model, found -"), "\(words)")
    }
    expectRefusal(
      try shell("\"$QUIRE\" verify <(cat other.quire 2> /dev/null)"), by: "verify",
      ["found: it is a pipe; give the path of a .quire file, or - for one on the standard input"])
    // A reader that goes away ends the command as it does any other.
    #expect(
      try shell("\"$QUIRE\" flatten delta.quire --output - | true; echo ${PIPESTATUS[0]}").output == "141\n")
  }

  @Test func someRowsAreShown() throws {
    try makePacks()
    let name = "model.layers.0.mlp.up_proj.weight"
    let all = try json(run("inspect", place.place("delta.quire"), "--tensor", name, "--rows", ":", "--json"))
    let rows = try #require(all["values"]?.arrayValue)
    let some = try json(
      run("inspect", place.place("other.quire"), "--tensor", name, "--rows", "3:5", "--json"))
    #expect(some["values"]?.arrayValue == Array(rows[3..<5]) && some["rows"] == [3, 5])
    #expect(some["shape"]?[0] == .int(rows.count))
    #expect((all["statistics"]?["rootMeanSquare"]?.doubleValue ?? 0) > 0)
    let one = try run("inspect", place.checkpoint.path, "--tensor", name, "--rows", "2")
    #expect(one.status == 0 && one.output.contains("\nrow 2: "))
    for rows in ["5:3", "a:b", "0:9999999", "-1:2", "99999999999999999999"] {
      let refused = try run("inspect", place.place("other.quire"), "--tensor", name, "--rows", rows)
      #expect(refused.status == 2 && refused.errors.contains("--rows: expected rows from 0 to "), "\(rows)")
    }
    expectRefusal(
      try run("inspect", place.place("other.quire"), "--tensor", "none"), by: "inspect",
      ["expected a tensor of the model", "found \"none\""])
    #expect(try run("inspect", place.place("other.quire"), "--rows", "0:1").status == 2)
  }
}
