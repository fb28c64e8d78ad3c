import CKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A folder of files that appears under its name complete or not at all: it is filled under a temporary name next to
/// it and renamed.
///
///     let folder = try AtomicFolder(path: "out")   // makes out.partial
///     …                                            // write files in folder.temporaryPath, each synced to the disk
///     try folder.commit()
///
/// Without `commit` the temporary folder is removed with the object. A killed process leaves it, with a file that marks it
/// as unfinished; only a folder with this mark is emptied and used again. A lock prevents a second writer. Folders in it
/// are not expected. Not for concurrent use by two threads.
package final class AtomicFolder {
  package let path: String
  /// Where the files are written.
  package let temporaryPath: String
  /// The name of the file that marks a temporary folder.
  package static let mark = ".unfinished"
  private let replaces: Bool
  private let descriptor: Int32
  private var isCommitted = false

  /// - Parameter replaces: whether a folder of this name may be replaced. Its files are then removed, so the caller must
  ///   have checked what they are. An empty folder is always replaced.
  package init(path: String, replaces: Bool = false) throws(FileFailure) {
    let path = Self.withoutTrailingSlashes(try validated(path: path))
    self.path = path
    self.replaces = replaces
    temporaryPath = AtomicFile.temporaryPath(for: path)
    try Self.check(path, replaces: replaces)
    let temporary = temporaryPath
    // A folder of somebody else's files is refused before it is registered for removal.
    descriptor = try DisposableFiles.add(temporary) { () throws(FileFailure) in
      let descriptor = try Self.openLocked(temporary)
      do throws(FileFailure) {
        try Self.takeOver(temporary)
      } catch {
        _ = close(descriptor)
        // A folder that is not empty stays.
        _ = rmdir(temporary)
        throw error
      }
      return descriptor
    }
    for name in Self.entries(of: temporary) where name != Self.mark { _ = unlink(temporary + "/" + name) }
  }

  deinit {
    guard !isCommitted else { return }
    Self.remove(temporaryPath)
    DisposableFiles.forget(temporaryPath)
    _ = close(descriptor)
  }

  /// Syncs the folder to the disk and renames it; nothing can be written after that.
  ///
  /// The mark is removed last: a process that is killed before leaves a temporary folder that the next run uses again, or
  /// a complete folder with an empty file too many.
  package func commit() throws(FileFailure) {
    precondition(!isCommitted, "the folder is finished")
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw .last }
    try DisposableFiles.finish(temporaryPath, as: path) { () throws(FileFailure) in
      try moveIntoPlace()
      // The folder is complete even if its mark cannot be removed.
      _ = unlink(path + "/" + Self.mark)
    }
    isCommitted = true
    _ = fsync(descriptor)
    _ = close(descriptor)
    try AtomicFile.synchronizeFolder(of: path)
  }

  /// The path as `path` has it.
  package static func withoutTrailingSlashes(_ path: String) -> String {
    var path = path
    while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  /// The names in a folder, without `.` and `..`; empty where there is none.
  package static func entries(of path: String) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { _ = closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Something that is not an empty folder needs permission, and only a folder can be replaced.
  private static func check(_ path: String, replaces: Bool) throws(FileFailure) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw FileFailure(reason: "something that is not a folder has that name")
    }
    guard replaces || entries(of: path).isEmpty else {
      throw FileFailure(reason: "a folder with files in it has that name")
    }
  }

  private func moveIntoPlace() throws(FileFailure) {
    // rename replaces an empty folder, and nothing else.
    if rename(temporaryPath, path) == 0 { return }
    let code = errno
    guard code == ENOTEMPTY || code == EEXIST else { throw FileFailure(code: code) }
    guard replaces else { throw FileFailure(reason: "a folder with its name has appeared") }
    // The old folder gets the temporary name, where only a marked one is used again.
    try Self.addMark(to: path)
    // One step for other programs: both names always lead to a whole folder.
    guard quire_rename_exchange(temporaryPath, path) == 0 else {
      let failure = FileFailure.last
      _ = unlink(path + "/" + Self.mark)
      throw failure
    }
    Self.remove(temporaryPath)
  }

  /// Removes a folder of files, its mark last.
  private static func remove(_ path: String) {
    for name in entries(of: path) where name != mark { _ = unlink(path + "/" + name) }
    _ = unlink(path + "/" + mark)
    _ = rmdir(path)
  }

  /// Marks a new folder. Throws for one that exists with other files in it and without the mark.
  private static func takeOver(_ path: String) throws(FileFailure) {
    let found = entries(of: path)
    guard found.isEmpty || found.contains(mark) else {
      throw FileFailure(
        reason: "\(path) is a folder of other files", remedy: "choose another path and run again")
    }
    try addMark(to: path)
  }

  private static func addMark(to path: String) throws(FileFailure) {
    let file = open(path + "/" + mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
    guard file >= 0 else { throw .last }
    _ = close(file)
  }

  private static func openLocked(_ path: String) throws(FileFailure) -> Int32 {
    guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw .last }
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else {
      let failure = FileFailure.last
      _ = rmdir(path)
      throw failure
    }
    try lock(descriptor)
    return descriptor
  }
}
