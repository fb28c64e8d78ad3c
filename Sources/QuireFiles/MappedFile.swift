#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A regular file mapped read-only; its pages are read when they are touched and can be dropped by the system.
///
/// A file that another program shortens while it is mapped makes later reads fault (SIGBUS), as for every mapped file.
// Unchecked: the mapping is read-only and never changes after init.
package final class MappedFile: @unchecked Sendable {
  package let path: String
  package let bytes: UnsafeRawBufferPointer

  /// Maps `path`; throws a sentence for what is missing, unreadable, or not a regular file.
  package init(path: String) throws(FileFailure) {
    self.path = path
    let descriptor = open(try validated(path: path), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .last }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .last
    }
    if let failure = FileFailure(refusing: status.st_mode) { throw failure }
    let byteCount = Int(status.st_size)
    guard byteCount > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let address = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address, address != MAP_FAILED else {
      throw .last
    }
    bytes = UnsafeRawBufferPointer(start: address, count: byteCount)
  }

  deinit {
    if let address = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), bytes.count) }
  }

  package var byteCount: Int { bytes.count }

  /// Tells the system that the range will not be read again soon, so that a long conversion does not fill memory with
  /// pages of the checkpoint.
  package func drop(_ range: Range<Int>) {
    guard let address = bytes.baseAddress, range.lowerBound < range.upperBound else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let begin = (range.lowerBound + page - 1) / page * page
    let end = min(range.upperBound, bytes.count) / page * page
    if begin < end { madvise(UnsafeMutableRawPointer(mutating: address) + begin, end - begin, MADV_DONTNEED) }
  }
}
