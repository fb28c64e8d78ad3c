import Foundation

/// The absolute path, without symbolic links, of the file that writing to `path` creates or replaces. The file need not
/// exist: the last component may be missing, or be a link to a missing file.
func resolvedPath(_ path: String) -> String {
  var path = path
  // Linux follows at most 40 links.
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
