import Foundation
import TestSupport
import Testing

/// What the program does where the system gives it no thread, no memory or few processors: one sentence and exit code 1,
/// never a wait for ever.
@Suite struct LimitTests {
  private static let answer = [
    "generate", Workplace.demo, "--prompt", "x", "--no-thinking", "--max-tokens", "3", "--context", "64",
    "--quiet",
    "--threads", "2",
  ]

  /// Runs `words` after `limit` in a shell; as a user whom limits on processes bind.
  private static func run(_ limit: String, _ words: [String], asNobody: Bool) throws -> Tool.Outcome? {
    guard let bash = Tool("bash") else { return nil }
    let line = ["-c", limit + "; exec \"$@\"", "bash", BuiltProgram.quire.path] + words
    guard asNobody, getuid() == 0 else { return try bash.run(line, seconds: 60) }
    guard let setpriv = Tool("setpriv") else { return nil }
    return try setpriv.run(
      ["--reuid", "65534", "--regid", "65534", "--clear-groups", bash.path] + line, seconds: 60)
  }

  /// Whether the user nobody can read the program and the model; false in a folder of the superuser's.
  private static let nobodyMayRead: Bool = {
    (try? run("true", ["--version"], asNobody: true)?.status) == 0
  }()

  @Test(
    .enabled(if: nobodyMayRead, "needs a user whom limits bind"), arguments: 1...6,
    ["", "export OPENBLAS_NUM_THREADS=4; "])
  func noThreads(_ limit: Int, setting: String) throws {
    // Run at the same time, so that a limit may be reached at any moment of a start.
    guard let outcome = try Self.run("\(setting)ulimit -u \(limit)", Self.answer, asNobody: true) else {
      return
    }
    if outcome.status == 0 { return }  // enough
    #expect(outcome.status == 1, "\(outcome.status)")
    #expect(outcome.output == "" && outcome.errors.count(where: \.isNewline) == 1, "\(outcome.errors)")
    #expect(outcome.errors.hasPrefix("quire: expected to start ") && outcome.errors.contains("ulimit -u"))
  }

  /// As some packages start programs. The file of the process is the loader then.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: loader), "needs the loader of x86-64"))
  func theLoaderMayStartTheProgram() throws {
    let outcome = try #require(Tool(Self.loader)).run(BuiltProgram.quire.path, "--version")
    #expect(outcome.status == 0 && outcome.output.hasPrefix("quire "), "\(outcome.errors)")
  }

  private static let loader = "/lib64/ld-linux-x86-64.so.2"

  @Test(arguments: [150, 175, 200, 225, 250, 300, 400].map { $0 << 10 })
  func littleMemory(_ kibibytes: Int) throws {
    for words in [Self.answer, ["inspect", Workplace.demo], ["verify", Workplace.demo + "/config.json"]] {
      guard let outcome = try Self.run("ulimit -v \(kibibytes)", words, asNobody: false) else { return }
      // Below some size not even the libraries of the program can be loaded (127).
      #expect([0, 1, 127].contains(outcome.status), "\(words[0]): \(outcome.status) \(outcome.errors)")
      if outcome.status == 1 { #expect(outcome.errors.contains("expected "), "\(outcome.errors)") }
    }
  }

  @Test(arguments: ["0", "-1", "100000", "9223372036854775808", "two"])
  func numbersOfThreadsThatNobodyHas(_ count: String) throws {
    let outcome = try BuiltProgram.quire.run("bench", "m", "--threads", count)
    #expect(outcome.status == 2)
    #expect(
      outcome.errors == "quire bench: --threads: expected a whole number from 1 to 1024, found '\(count)'\n")
  }

  @Test func moreThreadsThanProcessorsAreLowered() throws {
    var words = Self.answer
    words.removeAll { $0 == "--quiet" }
    words[words.count - 1] = "1024"
    let many = try BuiltProgram.quire.run(words)
    #expect(many.status == 0)
    #expect(many.errors.contains("--threads 1024: this process may use "))
    let few = try BuiltProgram.quire.run(Self.answer)
    #expect(many.output == few.output)
    // On one processor two are too many.
    guard let taskset = Tool("taskset") else { return }
    let one = try taskset.run(["-c", "0", BuiltProgram.quire.path] + Self.answer.filter { $0 != "--quiet" })
    // A container may not have processor 0.
    if one.errors.hasPrefix("taskset:") { return }
    #expect(one.output == few.output)
    #expect(one.errors.contains("--threads 2: this process may use 1 processor, so it computes with 1"))
  }
}
