import Foundation

/// A program of the system that a test needs: skip the test where `Tool("zstd")` is nil.
package struct Tool: Sendable {
  package struct Outcome: Sendable {
    /// The exit code; for a program that a signal ended, 128 and the signal's number, as shells have it.
    package let status: Int32
    package let output: String
    package let errors: String
  }

  package let path: String

  /// The program of that name in the search path, or at that path.
  package init?(_ name: String) {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    let places = name.contains("/") ? [name] : folders.map { $0 + "/" + name }
    guard let path = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
      return nil
    }
    self.path = path
  }

  /// Runs the program to its end.
  package func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

  /// Runs the program to its end, with `input` to read and `environment` added to what it inherits. A program that
  /// hangs is killed after `seconds`, so that it fails one test and not all; `signal` is a gentler end for those who
  /// test it.
  package func run(
    _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:], folder: String? = nil,
    seconds: Double = 300, signal: Int32 = SIGKILL
  ) throws -> Outcome {
    // Files take any amount of output; a full pipe would stop the program.
    let files = TemporaryFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    process.standardInput = FileHandle(forReadingAtPath: files.write(input, to: "input"))
    process.standardOutput = FileHandle(forWritingAtPath: files.write([], to: "output"))
    process.standardError = FileHandle(forWritingAtPath: files.write([], to: "errors"))
    try process.run()
    let guardian = DispatchWorkItem { kill(process.processIdentifier, signal) }
    DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: guardian)
    process.waitUntilExit()
    guardian.cancel()
    return Outcome(
      status: process.terminationReason == .exit
        ? process.terminationStatus : 128 + process.terminationStatus,
      output: try String(contentsOfFile: files.path + "/output", encoding: .utf8),
      errors: try String(contentsOfFile: files.path + "/errors", encoding: .utf8))
  }
}
