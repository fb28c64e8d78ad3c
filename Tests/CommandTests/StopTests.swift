import Foundation
import TestSupport
import Testing

/// SIGINT and SIGTERM in the middle of work: a sentence, the exit code of shells, and nothing left.
@Suite struct StopTests {
  private let place = Workplace()
  private let texts = TemporaryFolder()

  /// Commands that run for longer than it takes to stop them.
  private func commands() -> [[String]] {
    let text = texts.write(String(repeating: "some text that is long enough ", count: 4000).utf8, to: "t.txt")
    return [
      ["evaluate", Workplace.demo, "--recipe", "int8", "--text", text, "--json", place.place("r.json")],
      [
        "calibrate", Workplace.demo, "--calibration", text, "--windows", "50", "--tokens", "1024", "--output",
        place.place("s"),
      ],
      ["bench", Workplace.demo, "--repeat", "1000"],
      [
        "logits", Workplace.demo, "--tokens", Array(repeating: "7", count: 1000).joined(separator: ","),
        "--output", place.place("l"),
      ],
      [
        "export", Workplace.demo, "--format", "safetensors", "--dtype", "float32", "--output",
        place.place("e"),
      ],
    ]
  }

  @Test(arguments: [SIGINT, SIGTERM], [0, 0.1, 0.4, 1.5])
  func nothingIsLeft(_ signal: Int32, seconds: Double) throws {
    let temporary = TemporaryFolder()
    for words in commands() {
      let outcome = try BuiltProgram.quire.run(
        words + ["--quiet"], environment: ["TMPDIR": temporary.path], seconds: seconds, signal: signal)
      // A command that was faster has done its work.
      if outcome.status == 0 {
        for name in place.outputs { try FileManager.default.removeItem(atPath: place.place(name)) }
        continue
      }
      #expect(outcome.status == 128 + signal, "\(words[0]) \(outcome.errors)")
      #expect(
        outcome.errors.hasPrefix("quire \(words[0]): stopped by \(signal == SIGINT ? "SIGINT" : "SIGTERM")"))
      #expect(outcome.errors.count(where: \.isNewline) == 1, "\(outcome.errors)")
      // An evaluation keeps what it has measured, for a run that resumes it.
      if words[0] == "evaluate" {
        try? FileManager.default.removeItem(atPath: place.place("evaluation-results"))
      }
      #expect(place.outputs == [], "\(words[0])")
      #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path) == [], "\(words[0])")
    }
  }
}
