#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Why a file operation failed: an error of the operating system or the wrong kind of file.
///
/// It has no path: the caller's error names the file and what was expected of it.
package struct FileFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// A few words: "no such file or directory".
  package let reason: String
  /// What the user can do about it, as the end of a sentence: "free disk space or choose another path and run again".
  package let remedy: String

  package var description: String { reason }

  /// The remedy where the user chooses something else than the file's path.
  package func remedy(choosing alternative: String) -> String {
    remedy.replacing("choose another path", with: alternative)
  }

  /// Compares only the reasons, because the remedy follows from the reason.
  package static func == (left: Self, right: Self) -> Bool { left.reason == right.reason }

  /// Reason and remedy, for an error sentence about a file that is written.
  package var reasonAndRemedy: String { "\(reason); \(remedy)" }

  package init(reason: String, remedy: String = "choose another path and run again") {
    self.reason = reason
    self.remedy = remedy
  }

  /// The last failed system call of this thread.
  package static var last: FileFailure { FileFailure(code: errno) }

  /// There is not enough memory to read or write.
  package static let noMemory = FileFailure(
    reason: "out of memory", remedy: "free some memory or use fewer threads and run again")

  /// Why a file of this mode cannot be read at offsets; nil for a regular file.
  init?(refusing mode: mode_t) {
    switch mode & S_IFMT {
    case S_IFREG: return nil
    case S_IFDIR: self.init(reason: "it is a folder")
    case S_IFIFO: self.init(reason: "it is a pipe")
    default: self.init(reason: "it is not a regular file")
    }
  }

  init(code: Int32) {
    let text = String(cString: strerror(code))
    self.init(reason: text.prefix(1).lowercased() + text.dropFirst(), remedy: Self.remedy(code))
  }

  private static func remedy(_ code: Int32) -> String {
    switch code {
    case ENOSPC, EDQUOT, EFBIG: "free disk space or choose another path and run again"
    case ENOENT, ENOTDIR: "make the folder or choose another path and run again"
    case EACCES, EPERM, EROFS: "get the right to write there or choose another path and run again"
    case EMFILE, ENFILE: "close files or raise the limit of `ulimit -n` and run again"
    case ENAMETOOLONG:
      "choose a shorter name, because unfinished files have it with an ending such as .partial, and run again"
    case EIO: "check the disk and run again"
    case ENOMEM: "free some memory and run again"
    default: "choose another path and run again"
    }
  }
}

/// Paths go to the system as C strings, which end at the first zero byte.
func validated(path: String) throws(FileFailure) -> String {
  guard !path.isEmpty else { throw FileFailure(reason: "the path is empty") }
  guard !path.utf8.contains(0) else { throw FileFailure(reason: "the path contains a zero byte") }
  return path
}
