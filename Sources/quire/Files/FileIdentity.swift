import Foundation

/// Which file a path leads to, whatever the path is spelled like: two paths with equal identities are one file.
struct FileIdentity: Hashable {
  private let device: UInt64
  private let node: UInt64

  /// Of the file behind `path`, through symbolic links; nil when there is none.
  init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    device = UInt64(truncatingIfNeeded: status.st_dev)
    node = UInt64(truncatingIfNeeded: status.st_ino)
  }
}

/// The path of the file that writing to `path` makes or replaces, absolute and without symbolic links, also when nothing
/// is there yet: the last component may be missing, or be a link to a missing file.
func resolvedPath(_ path: String) -> String {
  var path = path
  // As many links in a row as Linux follows.
  for _ in 0..<40 {
    if let real = realpath(path, nil) {
      defer { free(real) }
      return String(cString: real)
    }
    let url = URL(fileURLWithPath: path)
    guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else {
      let folder = url.deletingLastPathComponent().path
      guard let real = realpath(folder, nil) else { return url.standardizedFileURL.path }
      defer { free(real) }
      let parent = String(cString: real)
      return (parent == "/" ? "" : parent) + "/" + url.lastPathComponent
    }
    path = target.hasPrefix("/") ? target : url.deletingLastPathComponent().path + "/" + target
  }
  return path
}
