import CKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that appears under its name complete or not at all: it is written under a temporary name next to it,
/// flushed to the disk and renamed.
///
///     let file = try AtomicFile(path: "model.quire")   // opens model.quire.partial
///     try file.write(bytes)
///     try file.commit()                                // fsync, rename, fsync of the folder
///
/// Without `commit` the temporary file is removed with the object, unless `keepsTemporary` is set. A lock prevents a
/// second writer. A file that had the name at the start is replaced; one that appears in the meantime is not.
/// Not for concurrent use by two threads.
package final class AtomicFile {
  package let path: String
  package let temporaryPath: String
  /// Bytes written so far.
  package private(set) var byteCount: Int
  /// Whether the temporary file is kept for a later run to resume; initially true if an earlier run has left one.
  package var keepsTemporary = false {
    didSet {
      guard isNamed else { return }
      isCommitted || keepsTemporary
        ? DisposableFiles.forget(temporaryPath) : DisposableFiles.add(temporaryPath)
    }
  }
  /// Whether the system begins to write to the disk while more is appended, so that `commit` of a large file waits less.
  package var startsWritingEarly = false
  /// Bytes that the system was asked to write.
  private var startedBytes = 0
  private static let earlyBytes = 32 << 20
  /// Whether a file had the name at the start, and may be replaced.
  private let replaces: Bool
  /// The permissions of that file, which the new one gets: a private file stays private.
  private let replacedMode: mode_t?
  private let descriptor: Int32
  /// Whether the file is in a folder.
  private let isNamed: Bool
  private var isCommitted = false

  package static func temporaryPath(for path: String) -> String { path + ".partial" }

  /// Throws when something that is not a file has the name.
  package static func checkKind(_ path: String) throws(FileFailure) {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      throw FileFailure(reason: "something that is not a regular file has that name")
    }
  }

  /// Starts an empty file, or with `resumes` appends to the temporary file of an earlier run.
  ///
  /// - Parameter beginning: how the files of this format begin. A temporary file that begins otherwise is somebody
  ///   else's and is refused; nil: every one is taken over.
  package init(
    path: String, resumes: Bool = false, beginning: FileBeginning? = nil
  ) throws(FileFailure) {
    self.path = try validated(path: path)
    temporaryPath = Self.temporaryPath(for: path)
    isNamed = true
    try Self.checkKind(path)
    var status = stat()
    replaces = lstat(path, &status) == 0
    let replaced = stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    replacedMode = replaced
    let temporary = temporaryPath
    if resumes {
      descriptor = try Self.openLocked(temporary, beginning)
    } else {
      descriptor = try DisposableFiles.add(temporary) { () throws(FileFailure) in
        try Self.openLocked(temporary, beginning)
      }
    }
    // While it is written its owner must be able to open it again.
    if let replaced { _ = fchmod(descriptor, replaced | S_IRUSR | S_IWUSR) }
    guard fstat(descriptor, &status) == 0 else {
      byteCount = 0
      throw .last
    }
    byteCount = Int(status.st_size)
    if !resumes {
      try truncate(to: 0)
    } else if byteCount > 0 {
      keepsTemporary = true
    } else {
      DisposableFiles.add(temporary)
    }
  }

  /// Starts an empty file without a name, which ends with this object or with the process and cannot be committed.
  package init(temporary: Void = ()) throws(FileFailure) {
    (descriptor, path) = try ScratchFile.openUnnamed()
    temporaryPath = path
    (isNamed, replaces, replacedMode, byteCount) = (false, false, nil, 0)
  }

  /// Removes the temporary file that a killed writer of `path` may have left.
  package static func discardTemporary(for path: String) throws(FileFailure) {
    guard unlink(temporaryPath(for: path)) == 0 || errno == ENOENT else { throw .last }
  }

  /// Removes everything after the first `byteCount` bytes.
  package func truncate(to byteCount: Int) throws(FileFailure) {
    precondition(byteCount <= self.byteCount && !isCommitted, "only written bytes can be removed")
    guard ftruncate(descriptor, off_t(byteCount)) == 0 else { throw .last }
    self.byteCount = byteCount
    startedBytes = min(startedBytes, byteCount)
  }

  deinit {
    if isNamed && !isCommitted && !keepsTemporary {
      _ = unlink(temporaryPath)
      DisposableFiles.forget(temporaryPath)
    }
    _ = close(descriptor)
  }

  /// Opens and locks the temporary file, unless another process has it locked or it is somebody else's.
  private static func openLocked(
    _ path: String, _ beginning: FileBeginning?
  ) throws(FileFailure) -> Int32 {
    let descriptor = try openLocked(path)
    // Under the lock nobody else writes the file.
    if let beginning, !beginning.begins(descriptor) {
      _ = close(descriptor)
      throw FileFailure(
        reason: "\(path) is a file that quire has not written",
        remedy: "move it or choose another path and run again")
    }
    return descriptor
  }

  private static func openLocked(_ path: String) throws(FileFailure) -> Int32 {
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0o666)
      guard descriptor >= 0 else { throw .last }
      try lock(descriptor)
      // Between open and lock another process may have renamed the file: check again.
      var held = stat()
      var named = stat()
      if fstat(descriptor, &held) == 0, stat(path, &named) == 0, held.st_ino == named.st_ino {
        return descriptor
      }
      _ = close(descriptor)
    }
  }

  /// Appends `bytes`.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(FileFailure) {
    precondition(!isCommitted, "the file is finished")
    try writeWhole(descriptor, at: byteCount, bytes)
    byteCount += bytes.count
    guard startsWritingEarly, byteCount - startedBytes >= Self.earlyBytes else { return }
    quire_start_writing(descriptor, Int64(startedBytes), Int64(byteCount - startedBytes))
    startedBytes = byteCount
  }

  /// Appends `bytes`.
  package func write(_ bytes: [UInt8]) throws(FileFailure) { try write(bytes[...]) }

  /// Appends `bytes`.
  package func write(_ bytes: ArraySlice<UInt8>) throws(FileFailure) {
    let failure: FileFailure? = bytes.withUnsafeBytes { buffer in
      do throws(FileFailure) { try write(buffer) } catch { return error }
      return nil
    }
    if let failure { throw failure }
  }

  /// Reads back what was written.
  package func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(FileFailure) {
    try readWhole(descriptor, at: offset, into: target)
  }

  /// Reads back what was written.
  package func read(at offset: Int, into target: inout [UInt8]) throws(FileFailure) {
    let failure: FileFailure? = target.withUnsafeMutableBytes { buffer in
      do throws(FileFailure) { try read(at: offset, into: buffer) } catch { return error }
      return nil
    }
    if let failure { throw failure }
  }

  /// Flushes everything written so far to the disk.
  package func synchronize() throws(FileFailure) {
    guard fsync(descriptor) == 0 else { throw .last }
  }

  /// Flushes the file to the disk and renames it; nothing can be written after that.
  package func commit() throws(FileFailure) {
    precondition(isNamed && !isCommitted, "the file is finished or has no name")
    if let replacedMode { _ = fchmod(descriptor, replacedMode) }
    try synchronize()
    try DisposableFiles.finish(temporaryPath, as: path) { () throws(FileFailure) in try renameTemporary() }
    isCommitted = true
    try Self.synchronizeFolder(of: path)
  }

  private func renameTemporary() throws(FileFailure) {
    if replaces {
      guard rename(temporaryPath, path) == 0 else { throw .last }
      return
    }
    if quire_rename_exclusive(temporaryPath, path) == 0 { return }
    let isSupported = errno != EINVAL && errno != ENOSYS
    let failure = FileFailure.last
    var status = stat()
    guard lstat(path, &status) != 0 else {
      throw FileFailure(reason: "another file with its name has appeared")
    }
    guard !isSupported, rename(temporaryPath, path) == 0 else { throw failure }
  }

  /// Flushes a folder's entries to the disk; without this, a power failure may undo a rename.
  package static func synchronizeFolder(of path: String) throws(FileFailure) {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .last }
    defer { _ = close(descriptor) }
    // File systems that cannot synchronize folders return EINVAL; nothing more can be done there.
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw .last }
  }
}
