#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A regular file that is read at given offsets, by any number of threads.
///
/// It is not mapped: if the file becomes shorter while it is open, reading throws, whereas a mapping would end the
/// process.
package final class InputFile: Sendable {
  private let descriptor: Int32
  /// Size of the file when it was opened.
  package let byteCount: Int

  /// Throws for everything that is not a readable regular file, including folders, pipes and devices.
  package init(path: String) throws(FileFailure) {
    // Without O_NONBLOCK, opening a pipe waits for a writer.
    descriptor = open(try validated(path: path), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .last }
    var status = stat()
    let failure: FileFailure? =
      fstat(descriptor, &status) != 0
      ? .last : FileFailure(refusing: status.st_mode)
    byteCount = Int(status.st_size)
    if let failure { throw failure }
  }

  /// Takes over the open regular file `descriptor`.
  init(owning descriptor: Int32, byteCount: Int) {
    self.descriptor = descriptor
    self.byteCount = byteCount
  }

  deinit { _ = close(descriptor) }

  /// Fills `target` with the bytes from `offset` on; fails when the file has become shorter.
  package func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(FileFailure) {
    try readWhole(descriptor, at: offset, into: target)
  }
}

/// pread until `target` is full.
func readWhole(
  _ descriptor: Int32, at offset: Int, into target: UnsafeMutableRawBufferPointer
) throws(FileFailure) {
  var done = 0
  while done < target.count {
    let count = pread(descriptor, target.baseAddress! + done, target.count - done, off_t(offset + done))
    if count > 0 {
      done += count
    } else if count == 0 {
      throw FileFailure(reason: "the file became shorter while it was read")
    } else if errno != EINTR {
      throw .last
    }
  }
}

/// pwrite until all of `bytes` is written.
func writeWhole(_ descriptor: Int32, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(FileFailure) {
  var done = 0
  while done < bytes.count {
    let count = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
    if count >= 0 {
      done += count
    } else if errno != EINTR {
      throw .last
    }
  }
}
