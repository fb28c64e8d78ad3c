import Foundation
import TestSupport

/// The program that was built with the tests.
enum BuiltProgram {
  /// `quire`, which lies beside the test bundle. Precondition: the build was not for one target alone.
  static let quire: Tool = {
    let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
    guard let program = Tool(folder + "/quire") else {
      preconditionFailure("no program at \(folder)/quire: build everything with `swift build --build-tests`")
    }
    return program
  }()
}
