#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The free space of the disk that a file will be written to.
package enum DiskSpace {
  /// Bytes that this user may still write in the folder of `path`; nil where the system does not say.
  package static func availableBytes(forFile path: String) -> Int? {
    var status = statvfs()
    guard statvfs(folder(of: path), &status) == 0 else { return nil }
    // File systems without blocks of their own, such as /proc, have no size to compare with.
    guard status.f_blocks > 0 else { return nil }
    let (bytes, isTooMuch) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return isTooMuch ? .max : Int(clamping: bytes)
  }

  /// Whether two files are written to one disk; false where the system does not say.
  package static func isShared(_ path: String, with other: String) -> Bool {
    var (first, second) = (stat(), stat())
    guard stat(folder(of: path), &first) == 0, stat(folder(of: other), &second) == 0 else { return false }
    return first.st_dev == second.st_dev
  }

  /// The folder that contains the entry of `path`.
  package static func folder(of path: String) -> String {
    var path = Substring(path)
    while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
