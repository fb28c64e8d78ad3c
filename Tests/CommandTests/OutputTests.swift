import Foundation
import TestSupport
import Testing

/// Where results go: places that cannot be written, readers that leave, streams that are closed.
@Suite struct OutputTests {
  private static let write = [
    "expected to write", "found: ", "choose another path and run again",
  ]

  @Test func placesThatTakeNoPack() throws {
    let place = Workplace()
    expectRefusal(
      try BuiltProgram.quire.run(place.conversion(to: "absent/out.quire")), by: "convert",
      Self.write + ["found: no such file or directory"])
    expectRefusal(
      try BuiltProgram.quire.run(place.conversion(to: ".")), by: "convert",
      ["--output: expected the path of a file, found the folder \(place.place("."))", "add the file's name"])
    let file = place.checkpoint.path + "/config.json/out.quire"
    var words = place.conversion()
    words[5] = file
    expectRefusal(
      try BuiltProgram.quire.run(words), by: "convert", Self.write + ["\(file)", "found: not a directory"])
    #expect(place.outputs == [])
  }

  @Test(.enabled(if: getuid() != 0, "the superuser may write everywhere"))
  func aFolderThatMayNotBeWritten() throws {
    let place = Workplace()
    #expect(chmod(place.path, 0o555) == 0)
    defer { chmod(place.path, 0o755) }
    expectRefusal(
      try BuiltProgram.quire.run(place.conversion()), by: "convert", Self.write + ["found: permission denied"]
    )
  }

  /// The pack is written again, so its folder is looked at before the measurements.
  @Test(.enabled(if: getuid() != 0, "the superuser may write everywhere"))
  func aPackInAFolderThatMayNotBeWritten() throws {
    let place = Workplace()
    let pack = try place.pack()
    #expect(chmod(place.path, 0o555) == 0)
    defer { chmod(place.path, 0o755) }
    expectRefusal(
      try BuiltProgram.quire.run("evaluate", pack, "--store", "--no-text", "--no-tasks"), by: "evaluate",
      ["--store: expected to write \(resolved(pack)), found: permission denied"])
  }

  private func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().path
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self"), "needs /proc"))
  func aFileSystemThatTakesNoFiles() throws {
    let place = Workplace()
    var words = place.conversion()
    words[5] = "/proc/quire-test.quire"
    expectRefusal(try BuiltProgram.quire.run(words), by: "convert", Self.write)
  }

  @Test func aSecondWriterWaitsForNobody() throws {
    let place = Workplace()
    let temporary = open(place.place("out.quire.partial"), O_RDWR | O_CREAT, 0o644)
    defer { close(temporary) }
    #expect(flock(temporary, LOCK_EX | LOCK_NB) == 0)
    expectRefusal(
      try BuiltProgram.quire.run(place.conversion()), by: "convert",
      Self.write + ["found: another process is writing it"])
  }

  @Test func aReportThatCannotBeWrittenIsToldBeforeTheWork() throws {
    let place = Workplace()
    for (output, parts) in [
      (
        "/absent/bill.json",
        ["expected to write \(place.path)/absent/bill.json", "found: ", "choose another path"]
      ),
      ("", ["--json: expected the path of a file, found the folder \(place.path)", "add the file's name"]),
    ] {
      let begin = ContinuousClock.now
      let outcome = try BuiltProgram.quire.run([
        "evaluate", Workplace.demo, "--json", place.path + output, "--quiet",
      ])
      expectRefusal(outcome, by: "evaluate", parts)
      // All 873 problems in two modes take minutes.
      #expect(ContinuousClock.now - begin < .seconds(30))
    }
    #expect(place.outputs == [])
  }

  /// Runs `words` in a shell that adds `plumbing`; the program's exit code comes last on stderr.
  private static func shell(_ words: [String], _ plumbing: String) throws -> Tool.Outcome {
    let shell = try #require(Tool("sh"))
    return try shell.run(
      ["-c", "{ \"$@\" \(plumbing)", "sh", BuiltProgram.quire.path] + words)
  }

  private static let untilHead = "; echo code $? >&2; } | head -n 1"

  @Test func aReaderThatLeavesEndsTheProgramInSilenceWithTheCodeOfThePipeSignal() throws {
    let inspection = try Self.shell(["inspect", Workplace.demo, "--json"], Self.untilHead)
    // What fits into the pipe is written before the reader leaves.
    #expect(inspection.output == "{\n" && ["code 0\n", "code 141\n"].contains(inspection.errors))
    // The reader is gone before the first word comes.
    let answer = try Self.shell(
      ["generate", Workplace.demo, "--prompt", "What is 3+4?", "--quiet"], "; echo code $? >&2; } | true")
    #expect(answer.output == "" && answer.errors == "code 141\n")
  }

  @Test func aConversionEndsEvenIfNobodyReadsItsPlan() throws {
    let place = Workplace()
    var words = place.conversion()
    words.removeLast()  // --quiet
    let outcome = try Self.shell(words, "; echo code $? >&2; } | true")
    #expect(outcome.errors.hasSuffix("code 141\n"))
    #expect(place.outputs == ["out.quire"])
    #expect(try BuiltProgram.quire.run("verify", place.place("out.quire"), "--quiet").status == 0)
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "needs /dev/full"))
  func aFullDiskIsTold() throws {
    let outcome = try Self.shell(["inspect", Workplace.demo], ">/dev/full; echo code $? >&2; }")
    #expect(
      outcome.errors
        == "quire: expected to write to the standard output, found: no space left on device; "
        + "free disk space or send it elsewhere and run again\ncode 1\n")
  }

  /// The thought is on stderr too: at 54d20ed the sentence followed it on the same line.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "needs /dev/full"))
  func aFullDiskAfterAThoughtIsToldOnItsOwnLine() throws {
    let outcome = try Self.shell(
      ["generate", Workplace.demo, "What is 3+4?", "--temperature", "0", "--max-tokens", "3"],
      ">/dev/full; echo code $? >&2; }")
    let lines = outcome.errors.split(separator: "\n")
    #expect(lines.count >= 3 && lines.last == "code 1", "\(outcome.errors)")
    #expect(lines.dropLast().last?.hasPrefix("quire: expected to write to the standard output") == true)
  }

  /// At a6e0aff these names were refused, and with --force /dev/stdout itself was replaced where it led to a file.
  @Test(arguments: ["/dev/stdout", "/dev/fd/1", "/dev/fd/3", "/dev/stderr"])
  func openedDescriptorsTakeReports(name: String) throws {
    let place = Workplace()
    let words = [
      "evaluate", Workplace.demo, "--no-tasks", "--no-speed", "--text-tokens", "8", "--quiet", "--force",
      "--json",
    ]
    let log = place.place("log")
    let outcome = try Self.shell(words + [name], ">\"\(log)\" 2>&1 3>&1; echo code $? >&2; }")
    #expect(outcome.errors == "code 0\n")
    let text = try String(contentsOfFile: log, encoding: .utf8)
    #expect(text.hasPrefix("{\n  \"model\"") && text.contains("\n}\n"), "\(text)")
    #expect(place.outputs == ["log"] && !FileManager.default.fileExists(atPath: "/dev/evaluation-results"))
  }

  @Test func aNamedPipeTakesAPack() throws {
    let place = Workplace()
    #expect(mkfifo(place.place("pipe"), 0o600) == 0)
    var words = place.conversion()
    words[5] = place.place("pipe")
    let shell = try #require(Tool("sh"))
    let outcome = try shell.run(
      [
        "-c", "cat \"$0\" >\"$1\" & shift; \"$@\"; code=$?; wait; exit $code", place.place("pipe"),
        place.place("copy.quire"), BuiltProgram.quire.path,
      ] + words)
    #expect(outcome.status == 0 && outcome.output == "" && outcome.errors == "", "\(outcome.errors)")
    #expect(try BuiltProgram.quire.run("verify", place.place("copy.quire"), "--quiet").status == 0)
    #expect(place.outputs == ["copy.quire", "pipe"])
  }

  @Test func aFullDeviceForAReportIsToldAfterTheTable() throws {
    let outcome = try BuiltProgram.quire.run(
      "evaluate", Workplace.demo, "--no-tasks", "--no-speed", "--text-tokens", "8", "--quiet", "--json",
      "/dev/full")
    #expect(outcome.status == 1 && outcome.output.contains("perplexity"))
    expectOneSentence(
      outcome.errors, by: "evaluate", ["expected to write /dev/full, found: no space left on device"])
  }

  @Test func writersThatGoBackInTheirFileRefuseStreams() throws {
    expectUsageError(
      try BuiltProgram.quire.run("logits", Workplace.demo, "--tokens", "1", "--output", "/dev/stderr"),
      by: "logits", ["found /dev/stderr, but logits cannot write to a stream; give the path of a file"])
  }

  @Test func aMissingFolderForTemporaryFilesIsNamed() throws {
    let place = Workplace()
    let text = TestPaths.repository + "/recipes/demo/heldout.txt"
    let missing = ["TMPDIR": place.place("absent")]
    let calibration = [
      "calibrate", Workplace.demo, "--calibration", text, "--windows", "1", "--tokens", "16", "--output",
      place.place("out.safetensors"), "--quiet",
    ]
    expectRefusal(
      try BuiltProgram.quire.run(calibration, environment: missing), by: "calibrate",
      ["found: no such file or directory in \(place.place("absent"))", "set TMPDIR to a folder"])
    let evaluation = ["evaluate", Workplace.demo, "--text", text, "--text-tokens", "8", "--problems", "1"]
    expectRefusal(
      try BuiltProgram.quire.run(evaluation + ["--no-speed", "--quiet"], environment: missing),
      by: "evaluate",
      ["found none that can be written to", "set TMPDIR to another folder"])
    // As if it were not set.
    let outcome = try BuiltProgram.quire.run(calibration, environment: ["TMPDIR": ""])
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  /// A result that goes nowhere is no success.
  @Test(arguments: [
    ["inspect", Workplace.demo], ["inspect", Workplace.demo, "--json"], ["--help"], ["help", "convert"],
    ["--version"],
  ])
  func aClosedOutputIsTold(_ words: [String]) throws {
    let outcome = try Self.shell(words, ">&-; echo code $? >&2; }")
    #expect(
      outcome.errors
        == "quire: expected to write to the standard output, found: bad file descriptor; "
        + "free disk space or send it elsewhere and run again\ncode 1\n")
  }

  /// Without care the pack would be opened under the number of the closed stream and take the plan in.
  @Test func closedStreamsLendNoNumbers() throws {
    let place = Workplace()
    let pack = try Data(contentsOf: URL(fileURLWithPath: place.pack()))
    var words = place.conversion(to: "second.quire")
    words.removeLast()  // --quiet
    let outcome = try Self.shell(words, "<&- >&- 2>&-; }")
    // The pack is there, what was to be said about it is not.
    #expect(outcome.status == 1 && outcome.output == "" && outcome.errors == "")
    #expect(try Data(contentsOf: URL(fileURLWithPath: place.place("second.quire"))) == pack)
  }
}
