import Foundation
import TestSupport
import Testing

/// SIGINT, SIGTERM and SIGHUP in the middle of work: a sentence, the exit code of shells, and nothing left.
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

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP], [0, 0.1, 0.4, 1.5])
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
      let name = [SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGHUP: "SIGHUP"][signal] ?? ""
      #expect(outcome.errors.hasPrefix("quire \(words[0]): stopped by \(name)"))
      #expect(outcome.errors.count(where: \.isNewline) == 1, "\(outcome.errors)")
      // An evaluation keeps what it has measured, for a run that resumes it.
      if words[0] == "evaluate" {
        try? FileManager.default.removeItem(atPath: place.place("evaluation-results"))
      }
      // A signal that came when the output was already complete.
      let complete = place.outputs.map { "; \(place.place($0)) is complete" }
      #expect(complete.count <= 1 && complete.allSatisfy(outcome.errors.contains), "\(outcome.errors)")
      #expect(outcome.errors.contains(" is complete") == !complete.isEmpty, "\(outcome.errors)")
      for name in place.outputs { try FileManager.default.removeItem(atPath: place.place(name)) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path) == [], "\(words[0])")
    }
  }

  /// The last line of each command waits for a full pipe, so that the signal comes after the output is complete.
  @Test(arguments: [
    ["flatten", "in.quire", "--output", "out.quire"],
    [
      "evaluate", "in.quire", "--no-tasks", "--no-speed", "--text", "t.txt", "--json", "r.json", "--html",
      "r.html",
    ],
  ])
  func completeOutputsAreNamed(_ words: [String]) throws {
    _ = try place.pack(name: "in.quire")
    try Data("some text".utf8).write(to: URL(fileURLWithPath: place.place("t.txt")))
    let pipe = FullPipe()
    let errors = Pipe()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: BuiltProgram.quire.path)
    process.arguments = words
    process.currentDirectoryURL = URL(fileURLWithPath: place.path)
    process.standardOutput = pipe.writer
    process.standardError = errors
    try process.run()
    let outputs = words.indices.filter { ["--output", "--json", "--html"].contains(words[$0]) }.map {
      words[$0 + 1]
    }
    let deadline = Date().addingTimeInterval(300)
    while !outputs.allSatisfy(place.outputs.contains), Date() < deadline { usleep(2000) }
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let complete = outputs.map { "; \($0) is complete" }.joined()
    #expect(process.terminationStatus == 128 + SIGTERM)
    #expect(text.hasSuffix("quire \(words[0]): stopped by SIGTERM\(complete)\n"), "\(text)")
    #expect(!place.outputs.contains { $0.hasSuffix(".partial") })
  }
}

/// A pipe that nobody reads and that takes no more bytes, so that a program which writes to it waits.
private struct FullPipe {
  private let pipe = Pipe()
  var writer: FileHandle { pipe.fileHandleForWriting }

  init() {
    let descriptor = writer.fileDescriptor
    let flags = fcntl(descriptor, F_GETFL)
    _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    let bytes = [UInt8](repeating: 0, count: 4096)
    for count in [bytes.count, 1] {
      while write(descriptor, bytes, count) > 0 {}
    }
    _ = fcntl(descriptor, F_SETFL, flags)
  }
}
