import Foundation
import QuireFiles
import Synchronization

/// Where to look for the parent of a delta pack: first at paths that the user gives, then under its recorded name next to
/// the delta pack.
package struct ParentSearch: Sendable, Equatable {
  /// Packs, or folders that hold them.
  package var paths: [String] { given + standing }
  /// Those that the user gives for this run, one of which is expected to be or to hold the parent.
  private let given: [String]
  /// Those for all runs.
  private let standing: [String]

  private static let shared = Mutex(ParentSearch([]))

  /// Where every pack's parent is looked for that is opened without a search of its own. The program sets it once, before
  /// it opens a pack.
  package static var standard: ParentSearch {
    get { shared.withLock { $0 } }
    set { shared.withLock { $0 = newValue } }
  }

  package init(_ given: [String], standing: [String] = []) {
    self.given = given
    self.standing = standing
  }

  /// The first of the given paths where nothing is; nil when all exist.
  package var missingPath: String? { paths.first { !FileManager.default.fileExists(atPath: $0) } }

  /// The parent of the pack at `path`: the first candidate with the recorded contents; and a notice where that is none of
  /// the paths that the user gives for it.
  ///
  /// Throws when nothing is at a given path, even if the parent is found elsewhere: the user means another file.
  func find(_ parent: PackParent, of path: String) throws(PackError) -> (pack: PackReader, notice: String?) {
    if let missing = missingPath {
      throw .parent(path: path, parent: parent, found: "nothing at the given path \(missing)")
    }
    var failure: PackError?
    let own = FileIdentity(path)
    for (index, candidate) in candidates(parent, of: path).enumerated()
    where FileManager.default.fileExists(atPath: candidate) {
      // A delta pack may have got its parent's name, in another folder.
      if let own, FileIdentity(candidate) == own { continue }
      do throws(PackError) {
        let pack = try PackReader(wholePackAt: candidate)
        if pack.contentsHash == parent.contentsHash {
          return (pack, index < given.count ? nil : notice(candidate, of: path))
        }
        let found = "\(candidate) with the contents \(ContentHash.hexadecimal(pack.contentsHash))"
        failure = failure ?? .parent(path: path, parent: parent, found: found)
      } catch {
        failure = failure ?? error
      }
    }
    let places = paths.isEmpty ? "" : " at \(paths.joined(separator: ", ")), nor next to the delta pack"
    throw failure ?? .parent(path: path, parent: parent, found: "none" + places)
  }

  /// What the user gave is no parent of the pack at `path`; nil where nothing was given.
  private func notice(_ found: String, of path: String) -> String? {
    given.isEmpty
      ? nil
      : "expected the parent of \(path) at \(given.joined(separator: ", ")), found it only at \(found), which is used; "
        + "correct --parent or leave it out"
  }

  private func candidates(_ parent: PackParent, of path: String) -> [String] {
    func inFolder(_ folder: String) -> String { folder + "/" + parent.file }
    var candidates = paths.map { path in
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      return isFolder.boolValue ? inFolder(path) : path
    }
    // A pack from the standard input is in no folder, so the current one is as good.
    candidates.append(inFolder(DiskSpace.folder(of: path)))
    // The delta pack may be a link into another folder.
    let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().deletingLastPathComponent().path
    if !candidates.contains(inFolder(resolved)) { candidates.append(inFolder(resolved)) }
    return candidates
  }
}
