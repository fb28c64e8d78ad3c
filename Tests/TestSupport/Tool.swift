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
  /// hangs is killed after `seconds`, so that it fails one test and not all. Tests of another `signal` get it `seconds`
  /// after the program began to handle it, however busy the machine is.
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
    let identifier = process.processIdentifier
    let guardian = DispatchWorkItem { kill(identifier, signal) }
    if signal != SIGKILL { Self.awaitHandler(of: signal, in: identifier) }
    DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: guardian)
    process.waitUntilExit()
    guardian.cancel()
    return Outcome(
      status: process.terminationReason == .exit
        ? process.terminationStatus : 128 + process.terminationStatus,
      output: try String(contentsOfFile: files.path + "/output", encoding: .utf8),
      errors: try String(contentsOfFile: files.path + "/errors", encoding: .utf8))
  }

  /// Returns once a process handles a signal, or is not there any more.
  private static func awaitHandler(of signal: Int32, in process: Int32) {
    while let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8) {
      let handled = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }?.dropFirst(7)
      let mask = handled.flatMap { UInt64($0.drop(while: \.isWhitespace), radix: 16) }
      guard let mask, mask & (1 << UInt64(signal - 1)) == 0, !status.contains("State:\tZ") else { return }
      usleep(2000)
    }
  }
}
