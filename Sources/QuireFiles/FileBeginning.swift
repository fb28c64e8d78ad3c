#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// How the files of a format begin. By this an unfinished file that a killed run has left is told from a file of
/// somebody else that has its name.
///
///     FileBeginning.bytes(Array("GGUF".utf8)).matches(start)
///
/// Nothing but the file itself has to be kept for it, so it holds whenever a run is killed: the first write puts the
/// whole beginning into the file, and an empty file or a part of the beginning matches too.
package enum FileBeginning: Sendable, Equatable {
  /// The same bytes in every file; at most `byteCount`.
  case bytes([UInt8])
  /// A line of a checksum and a JSON object, as in a `LineJournal`.
  case journal
  /// The length of a JSON object in eight bytes and the object, as in a safetensors file.
  case safetensors

  /// The number of first bytes that decide.
  package static let byteCount = 32
  private static let checksumDigits = 16

  /// Whether a file with these first bytes, all of them if it is shorter than `byteCount`, may be of this format.
  package func matches(_ start: [UInt8]) -> Bool {
    switch self {
    case .bytes(let expected): return zip(start, expected).allSatisfy { $0 == $1 }
    case .journal:
      return start.prefix(Self.checksumDigits).allSatisfy(Self.isDigit)
        && zip(start.dropFirst(Self.checksumDigits), " {".utf8).allSatisfy { $0 == $1 }
    case .safetensors:
      if start.isEmpty { return true }
      // Headers are shorter than 2³² bytes.
      return start.count > 4 && start[4..<min(8, start.count)].allSatisfy { $0 == 0 }
        && (start.count <= 8 || start[8] == UInt8(ascii: "{"))
    }
  }

  /// Whether the file at `path` is a regular file that this format's files do not begin like; false where there is none
  /// or it cannot be read.
  package func isForeign(_ path: String) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    guard descriptor >= 0 else { return false }
    defer { _ = close(descriptor) }
    return !begins(descriptor)
  }

  /// Whether an open file matches; true where it cannot be read, which whoever needs its contents reports.
  func begins(_ descriptor: Int32) -> Bool {
    var start = [UInt8](repeating: 0, count: Self.byteCount)
    let count = start.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    return count < 0 || matches(Array(start.prefix(count)))
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }
}
