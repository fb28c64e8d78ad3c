import Foundation
import TestSupport
import Testing

/// Conversions of the demo model that something stops: a kill, a signal, a full disk.
@Suite struct ConvertStopTests {
  private let place = TemporaryFolder()
  private static let checkpoint = TestPaths.repository + "/recipes/demo/checkpoint"

  private static let nearest = "{ name: \"n\", steps: [{ step: \"quantize\", scheme: \"int4\", group: 64 }] }"
  private static let gptq = """
    { name: "g", steps: [
        { step: "prune-heads", unit: "query-head-per-group", remove: 1, repair: 0.5 },
        { step: "quantize", scheme: "int4", group: 64, method: "gptq" }],
      calibration: { source: "bundled", windows: 6, tokens: 64, seed: 3 } }
    """
  private static let budget = """
    { name: "b", steps: [{ step: "budget", bitsPerWeight: 5, method: "gptq" }],
      calibration: { source: "bundled", windows: 2, tokens: 64, seed: 3 } }
    """

  private func words(_ recipe: String, to name: String = "out.quire") -> [String] {
    [
      "convert", Self.checkpoint, "--recipe", place.write(recipe.utf8, to: "recipe.json5"), "--output",
      place.path + "/" + name, "--threads", "2", "--quiet",
    ]
  }

  private func contents(_ name: String) -> Data? {
    FileManager.default.contents(atPath: place.path + "/" + name)
  }

  private var outputs: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
    return names.filter { $0.hasPrefix("out.quire") }.sorted()
  }

  /// The option that a run needs once a pack is where it writes.
  private var replacing: [String] { outputs.contains("out.quire") ? ["--force"] : [] }

  /// The pack of a run that nothing stops, and the seconds it took.
  private func whole(_ recipe: String) throws -> (pack: Data, seconds: Double) {
    let start = ContinuousClock.now
    let outcome = try BuiltProgram.quire.run(words(recipe, to: "whole.quire"))
    try #require(outcome.status == 0, "\(outcome.errors)")
    return (try #require(contents("whole.quire")), (ContinuousClock.now - start) / .seconds(1))
  }

  @Test(arguments: [(nearest, 12), (gptq, 8), (budget, 6)])
  func killsLeaveNoTraceInTheBytes(_ recipe: String, rounds: Int) throws {
    let (pack, seconds) = try whole(recipe)
    var generator = SeededGenerator(seed: 11)
    var resumptions = 0
    for round in 0..<rounds {
      // Up to three kills, then a run to the end. A kill may come when the pack is already in its place.
      for _ in 0..<3 {
        let moment = Double.random(in: 0...seconds, using: &generator)
        let outcome = try BuiltProgram.quire.run(words(recipe) + replacing, seconds: moment)
        if Self.isResumed(outcome.errors) { resumptions += 1 }
        if outcome.status == 0 { break }
        #expect(outcome.status == 128 + SIGKILL)
      }
      let outcome = try BuiltProgram.quire.run(words(recipe) + replacing)
      #expect(outcome.status == 0, "\(outcome.errors)")
      if Self.isResumed(outcome.errors) { resumptions += 1 }
      #expect(contents("out.quire") == pack, "round \(round)")
      #expect(outputs == ["out.quire"], "round \(round)")
      try FileManager.default.removeItem(atPath: place.path + "/out.quire")
    }
    #expect(resumptions > 0)
  }

  /// Another process knows the survey again, whatever is kept in float32.
  @Test func aFloat32BudgetResumes() throws {
    let source = place.path + "/float32"
    let export = try BuiltProgram.quire.run(
      "export", Self.checkpoint, "--format", "safetensors", "--dtype", "float32", "--output", source,
      "--quiet")
    try #require(export.status == 0, "\(export.errors)")
    var words = words(Self.budget)
    words[1] = source
    let start = ContinuousClock.now
    try #require(try BuiltProgram.quire.run(words).status == 0)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let isResumed = try (1...8).contains { eighth in
      try FileManager.default.removeItem(atPath: place.path + "/out.quire")
      let killed = try BuiltProgram.quire.run(words, seconds: seconds * Double(eighth) / 9)
      let outcome = try BuiltProgram.quire.run(words + replacing)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(!outcome.errors.contains("of another recipe"), "\(outcome.errors)")
      return killed.status != 0 && Self.isResumed(outcome.errors)
    }
    #expect(isResumed)
  }

  /// Whether a run took up what a killed one had left: layers, or a survey that is most of a budget's time.
  private static func isResumed(_ errors: String) -> Bool {
    ["resumes after layer", "resumes the survey", "uses the survey"].contains(
      where: errors.contains)
  }

  /// What a plan writes to measure the speed of writing has no name, so that not even a kill leaves it.
  @Test func aKilledPlanLeavesNothing() throws {
    let temporaries = TemporaryFolder()
    let recipe = TestPaths.repository + "/recipes/balanced.json5"
    let words = ["convert", Self.checkpoint, "--recipe", recipe, "--plan"]
    func run(seconds: Double) throws -> Int32 {
      try BuiltProgram.quire.run(words, environment: ["TMPDIR": temporaries.path], seconds: seconds).status
    }
    let start = ContinuousClock.now
    #expect(try run(seconds: 300) == 0)
    let whole = (ContinuousClock.now - start) / .seconds(1)
    for moment in 1...9 {
      _ = try run(seconds: whole * Double(moment) / 10)
      #expect(try FileManager.default.contentsOfDirectory(atPath: temporaries.path) == [], "\(moment)")
    }
  }

  @Test(arguments: [(SIGINT, "INT"), (SIGTERM, "TERM")])
  func aSignalIsAnsweredWithASentence(_ signal: Int32, name: String) throws {
    // So much text that it cannot end before the signal.
    let text = try String(
      contentsOfFile: TestPaths.repository + "/recipes/demo/calibration.jsonl", encoding: .utf8)
    place.write(String(repeating: text, count: 14).utf8, to: "much.jsonl")
    let recipe = Self.gptq.replacing("windows: 6, tokens: 64", with: "windows: 400, tokens: 512")
      .replacing("\"bundled\"", with: "\"much.jsonl\"")
    let outcome = try BuiltProgram.quire.run(words(recipe), seconds: 3, signal: signal)
    #expect(outcome.status == 128 + signal && outcome.output == "")
    #expect(
      outcome.errors == "quire convert: stopped by SIG\(name); "
        + "run the same command again to resume after the last finished layer\n")
    #expect(!outputs.contains("out.quire"))
  }

  /// Hours of work are not lost by one mistyped name.
  @Test func anotherRecipeDiscardsNothingUnasked() throws {
    let (pack, _) = try whole(Self.nearest)
    guard let shell = Tool("bash") else { return }
    let stopped = try shell.run(
      ["-c", "ulimit -f 1500; exec \"$0\" \"$@\"", BuiltProgram.quire.path] + words(Self.nearest))
    try #require(stopped.status == 1, "\(stopped.errors)")
    let begun = outputs.map(contents)
    let partial = place.path + "/out.quire.partial"
    let other = Self.nearest.replacing("\"n\"", with: "\"other\"")
    let ways = "run with the same recipe as before to continue it, add --force to discard it"
    for recipe in [other, Self.budget] {
      expectRefusal(
        try BuiltProgram.quire.run(words(recipe)), by: "convert",
        [
          "expected no unfinished work of another recipe", "found \(partial); run",
          "to continue it, add --force",
        ])
      #expect(outputs.map(contents) == begun)
    }
    expectRefusal(try BuiltProgram.quire.run(words(other)), by: "convert", [ways])
    let plan = try BuiltProgram.quire.run(words(other) + ["--plan"])
    #expect(plan.status == 0 && plan.output.contains("\nunfinished: \(partial) is of another recipe; "))
    let own = try BuiltProgram.quire.run(words(Self.nearest) + ["--plan"])
    #expect(own.status == 0 && !own.output.contains("unfinished:"))
    let source = place.path + "/whole.quire"
    expectRefusal(
      try BuiltProgram.quire.run("flatten", source, "--output", place.path + "/out.quire"), by: "flatten",
      ["found \(partial) of a stopped conversion", "add --force to discard it"])
    #expect(outputs.map(contents) == begun)

    let resumed = try BuiltProgram.quire.run(words(Self.nearest))
    #expect(resumed.status == 0 && resumed.errors.contains("resumes after layer"))
    #expect(contents("out.quire") == pack && outputs == ["out.quire"])
  }

  @Test func forceDiscardsTheWorkOfAnotherRecipe() throws {
    guard let shell = Tool("bash") else { return }
    _ = try shell.run(
      ["-c", "ulimit -f 1500; exec \"$0\" \"$@\"", BuiltProgram.quire.path] + words(Self.nearest))
    try #require(outputs.contains("out.quire.partial"))
    let other = Self.nearest.replacing("\"n\"", with: "\"other\"")
    let outcome = try BuiltProgram.quire.run(words(other) + ["--force"])
    #expect(outcome.status == 0)
    #expect(
      outcome.errors.contains("starts afresh: the unfinished pack of an earlier run is of another recipe"))
    #expect(outputs == ["out.quire"])
  }

  /// An unfinished pack and its journal.
  private func stopConversion() throws {
    _ = try #require(Tool("bash")).run(
      ["-c", "ulimit -f 1500; exec \"$0\" \"$@\"", BuiltProgram.quire.path] + words(Self.nearest))
    try #require(outputs == ["out.quire.journal.partial", "out.quire.partial"])
  }

  /// `evaluate --store` writes the pack again, under the temporary name of a conversion.
  @Test func aStoredRowDiscardsNothingUnasked() throws {
    try stopConversion()
    _ = try whole(Self.nearest)
    let pack = place.path + "/out.quire"
    try FileManager.default.copyItem(atPath: place.path + "/whole.quire", toPath: pack)
    let begun = outputs.map(contents)
    let words = [
      "evaluate", pack, "--store", "--text", TestPaths.repository + "/recipes/demo/heldout.txt",
      "--text-tokens",
      "64", "--no-tasks", "--no-speed", "--quiet",
    ]
    expectRefusal(
      try BuiltProgram.quire.run(words), by: "evaluate",
      [
        "--store: expected no unfinished work, found \(pack).partial of a stopped conversion",
        "add --force to discard it, or leave --store out",
      ])
    #expect(outputs.map(contents) == begun)
    let forced = try BuiltProgram.quire.run(words + ["--force"])
    #expect(forced.status == 0, "\(forced.errors)")
    #expect(outputs == ["out.quire"])
  }

  /// A kill between the renaming of the pack and the removal of its journal.
  @Test func aLeftJournalIsNamedAndStopsNothing() throws {
    try stopConversion()
    let journal = try #require(contents("out.quire.journal.partial"))
    try #require(try BuiltProgram.quire.run(words(Self.nearest)).status == 0)
    let path = place.path + "/out.quire"
    try journal.write(to: URL(fileURLWithPath: path + ".journal.partial"))
    let inspected = try BuiltProgram.quire.run("inspect", path)
    #expect(inspected.status == 0)
    #expect(
      inspected.errors.hasPrefix("note: \(path).journal.partial is left of a conversion that was stopped"))
    try FileManager.default.removeItem(atPath: path)
    let other = try BuiltProgram.quire.run(words(Self.nearest.replacing("\"n\"", with: "\"other\"")))
    #expect(other.status == 0 && other.errors == "", "\(other.errors)")
    #expect(outputs == ["out.quire"])
  }

  /// A limit on the size of files stands in for a full disk: first for the pack, then for the hidden states.
  @Test(arguments: [(nearest, 1500, "out.quire"), (gptq, 400, "out.quire.reference.partial")])
  func aFullDiskIsASentenceAndNothingIsLost(_ recipe: String, kilobytes: Int, file: String) throws {
    let (pack, _) = try whole(recipe)
    guard let shell = Tool("bash") else { return }
    let line = "ulimit -f \(kilobytes); exec \"$0\" \"$@\""
    let outcome = try shell.run(["-c", line, BuiltProgram.quire.path] + words(recipe))
    expectRefusal(
      outcome, by: "convert",
      ["expected to write \(place.path)/\(file)", "found: file too large", "free disk space"])
    #expect(!outputs.contains("out.quire"))
    let resumed = try BuiltProgram.quire.run(words(recipe).filter { $0 != "--quiet" })
    #expect(resumed.status == 0)
    #expect(resumed.errors.contains("resumes after layer"))
    #expect(resumed.output.contains(/\ntime: about .* left of [0-9]/))
    #expect(contents("out.quire") == pack && outputs == ["out.quire"])
  }
}
