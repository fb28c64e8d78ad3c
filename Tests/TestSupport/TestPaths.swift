import Foundation

/// Where tests find files of the repository and, when present, the reference data beside it.
package enum TestPaths {
  /// The repository's root folder.
  package static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// Checkpoints with golden logits, one folder per variant (written by `tools/make-goldens`).
  package static let modelFixtures = repository + "/Tests/QuireModelTests/Fixtures"

  /// A path inside `../shared`, or nil when that folder (or the entry) is absent.
  package static func shared(_ path: String) -> String? {
    let full = URL(fileURLWithPath: repository + "/../shared/" + path).standardizedFileURL.path
    return FileManager.default.fileExists(atPath: full) ? full : nil
  }

  /// The entries of a folder that are folders themselves, sorted; empty when the folder is absent.
  package static func folders(in path: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.sorted().map { path + "/" + $0 }.filter { folder in
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder) && isFolder.boolValue
    }
  }
}

/// A fresh folder that disappears with its last reference.
package final class TemporaryFolder: Sendable {
  package let path: String

  package init() {
    path = FileManager.default.temporaryDirectory.path + "/quire-test-" + UUID().uuidString
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      preconditionFailure("cannot create the temporary folder \(path): \(error)")
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Create a folder in this folder.
  package func makeFolder(_ name: String) throws {
    try FileManager.default.createDirectory(atPath: path + "/" + name, withIntermediateDirectories: true)
  }

  /// Write `bytes` to the file `name` in this folder; returns its path.
  @discardableResult
  package func write(_ bytes: some Sequence<UInt8>, to name: String) -> String {
    let file = path + "/" + name
    precondition(
      FileManager.default.createFile(atPath: file, contents: Data(bytes)), "cannot write \(file)")
    return file
  }
}
