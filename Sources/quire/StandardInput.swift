import Foundation
import QuireFiles

/// Reading stdin: all of it, or line by line (``InputLines``).
enum StandardInput {
  /// All bytes.
  static func bytes() throws(CommandError) -> [UInt8] {
    do throws(FileFailure) {
      return try WholeStream.bytes(STDIN_FILENO)
    } catch {
      throw unreadable(error)
    }
  }

  /// All bytes as text, by the rules of ``TextFile``.
  static func text() throws(CommandError) -> String {
    let bytes = try bytes()
    do {
      return String(decoding: try TextFile.bytes(bytes), as: UTF8.self)
    } catch {
      throw CommandError("expected UTF-8 on the standard input, found \(error); convert the text")
    }
  }

  static func unreadable(_ failure: FileFailure) -> CommandError {
    CommandError("expected to read the standard input, found: \(failure.reason); give a file or a pipe")
  }
}
