#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Why the operating system, or the kind of file, refuses what was asked.
///
/// It names no path: whoever opened the file says in his own error what he expected of it.
package struct FileFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// A few words: "no such file or directory".
  package let reason: String

  package var description: String { reason }

  package init(reason: String) { self.reason = reason }

  /// The last failed system call of this thread.
  static var last: FileFailure { FileFailure(code: errno) }

  /// Why a file of this mode cannot be read at offsets; nil for a regular file.
  init?(refusing mode: mode_t) {
    switch mode & S_IFMT {
    case S_IFREG: return nil
    case S_IFDIR: reason = "it is a folder"
    case S_IFIFO: reason = "it is a pipe"
    default: reason = "it is not a regular file"
    }
  }

  private init(code: Int32) {
    let text = String(cString: strerror(code))
    reason = text.prefix(1).lowercased() + text.dropFirst()
  }
}

/// Paths go to the system as C strings, which end at the first zero byte.
func validated(path: String) throws(FileFailure) -> String {
  guard !path.isEmpty else { throw FileFailure(reason: "the path is empty") }
  guard !path.utf8.contains(0) else { throw FileFailure(reason: "the path contains a zero byte") }
  return path
}
