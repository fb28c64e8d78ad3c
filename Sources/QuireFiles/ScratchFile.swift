#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file for data that does not fit into memory: written and read at any offset, in any order, removed with its
/// owner.
///
/// Its contents do not count as memory of this process, but the system caches them while memory is free. With `keeps`
/// the file stays for a later run, which opens it by the same path. One thread at a time.
package final class ScratchFile {
  package let path: String
  /// Whether the file outlives this object.
  package var keeps = false
  private let descriptor: Int32

  /// Opens the file at `path` with its contents, or creates it.
  package init(path: String) throws(FileFailure) {
    self.path = try validated(path: path)
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .last }
  }

  /// Creates a file without a name in the folder for temporary files; no other process can open it.
  package init(temporary: Void = ()) throws(FileFailure) {
    (descriptor, path) = try Self.openUnnamed()
    keeps = true
  }

  /// The folder for temporary files.
  package static var temporaryFolder: String {
    let given = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    return given.isEmpty ? "/tmp" : given
  }

  /// Opens a new file without a name; the path is the one that it had for a moment.
  static func openUnnamed() throws(FileFailure) -> (descriptor: Int32, path: String) {
    let folder = temporaryFolder
    var template = Array((folder + "/quire-XXXXXX").utf8CString)
    let descriptor = try DisposableFiles.beforeExit { () throws(FileFailure) in
      let descriptor = mkstemp(&template)
      guard descriptor >= 0 else {
        let code = errno
        let failure = FileFailure(code: code)
        // A descriptor that is missing is no fault of the folder.
        if code == EMFILE || code == ENFILE { throw failure }
        throw FileFailure(
          reason: "\(failure.reason) in \(folder)", remedy: "set TMPDIR to a folder that can be written to")
      }
      _ = unlink(template)
      return descriptor
    }
    return (
      descriptor, String(decoding: template.dropLast().map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    )
  }

  deinit {
    if !keeps { _ = unlink(path) }
    _ = close(descriptor)
  }

  /// Writes `bytes` at `offset`; a gap before it reads as zeros.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileFailure) {
    try writeWhole(descriptor, at: offset, bytes)
  }

  /// Writes `bytes` at `offset`.
  package func write(_ bytes: [UInt8], at offset: Int) throws(FileFailure) {
    let failure: FileFailure? = bytes.withUnsafeBytes { buffer in
      do throws(FileFailure) { try write(buffer, at: offset) } catch { return error }
      return nil
    }
    if let failure { throw failure }
  }

  /// Fills `target` with the bytes from `offset` on; throws when the file ends earlier.
  package func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(FileFailure) {
    try readWhole(descriptor, at: offset, into: target)
  }

  /// Flushes everything written so far to the disk.
  package func synchronize() throws(FileFailure) {
    guard fsync(descriptor) == 0 else { throw .last }
  }

  /// Removes the file at `path`, if there is one.
  package static func remove(path: String) throws(FileFailure) {
    guard unlink(path) == 0 || errno == ENOENT else { throw .last }
  }
}
