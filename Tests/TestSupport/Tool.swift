import Foundation

/// A program of the system that a test needs: skip the test where `Tool("zstd")` is nil.
package struct Tool: Sendable {
  package struct Outcome: Sendable {
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

  /// Runs the program to its end.
  package func run(_ arguments: [String]) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    // Files take any amount of output; a full pipe would stop the program.
    let folder = TemporaryFolder()
    let output = FileHandle(forWritingAtPath: folder.write([], to: "output"))
    let errors = FileHandle(forWritingAtPath: folder.write([], to: "errors"))
    process.standardOutput = output
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus,
      output: try String(contentsOfFile: folder.path + "/output", encoding: .utf8),
      errors: try String(contentsOfFile: folder.path + "/errors", encoding: .utf8))
  }
}
