import Foundation
import QuireFiles

/// An output that is written in one go and cannot be replaced: a named pipe, a device such as /dev/null, or a descriptor
/// that the caller has opened, such as /dev/stderr or /dev/fd/3. ``OutputGuard`` and `AtomicFile` are for files.
final class StreamOutput {
  let path: String
  private let descriptor: Int32

  /// The path that stands for the standard output.
  static let standardOutputPath = "-"

  /// Whether `path` is another name of the standard output.
  static func isStandardOutput(_ path: String) -> Bool { opened(path) == STDOUT_FILENO }

  /// Whether nothing at `path` can be replaced by a file, so that it is written as a stream.
  static func isStream(_ path: String) -> Bool {
    if path == standardOutputPath || opened(path) != nil { return true }
    var status = stat()
    return stat(path, &status) == 0 && [S_IFIFO, S_IFCHR].contains(status.st_mode & S_IFMT)
  }

  /// The descriptor of this process that `path` names; nil for every other path.
  private static func opened(_ path: String) -> Int32? {
    switch path {
    case "/dev/stdout": return STDOUT_FILENO
    case "/dev/stderr": return STDERR_FILENO
    default:
      let folder = ["/dev/fd/", "/proc/self/fd/"].first(where: path.hasPrefix)
      return folder.flatMap { Int32(path.dropFirst($0.count)) }
    }
  }

  /// Opens the stream; waits until a named pipe has a reader, as a shell does.
  init(path: String) throws(FileFailure) {
    self.path = path
    // A descriptor that leads to a file is not opened again, which would begin at the file's first byte.
    descriptor =
      Self.opened(path).map { fcntl($0, F_DUPFD_CLOEXEC, 3) } ?? open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
    guard descriptor >= 0 else { throw .last }
  }

  deinit { _ = close(descriptor) }

  var isTerminal: Bool { isatty(descriptor) == 1 }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    let failure = quire.write(bytes, to: descriptor)
    guard failure == 0 else {
      errno = failure
      throw CommandError("expected to write \(path), found: \(FileFailure.last.reasonAndRemedy)")
    }
  }

  func write(_ text: String) throws {
    try Array(text.utf8).withUnsafeBytes { try write($0) }
  }
}
