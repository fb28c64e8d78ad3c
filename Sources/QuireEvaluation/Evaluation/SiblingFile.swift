import Foundation

/// The defaults of options: files next to a checkpoint's folder.
enum SiblingFile {
  /// A file in the parent folder of `path`; nil when there is none.
  static func path(_ name: String, of path: String) -> String? {
    // "." or a trailing slash would hide the folder's name; otherwise the path is kept as the user wrote it.
    let components = path.split(separator: "/", omittingEmptySubsequences: true)
    let isPlain = components.last.map { $0 != "." && $0 != ".." } ?? false
    let parent =
      isPlain
      ? (path.hasPrefix("/") ? "/" : "") + components.dropLast().joined(separator: "/")
      : URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path
    let file = parent.isEmpty ? name : parent + (parent.hasSuffix("/") ? "" : "/") + name
    return FileManager.default.fileExists(atPath: file) ? file : nil
  }
}
