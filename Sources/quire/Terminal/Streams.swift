import Foundation
import Synchronization

/// Handles standard streams that the caller has closed.
enum StandardStreams {
  private static let closed = Mutex<Set<Int32>>([])

  /// Opens /dev/null for each closed standard stream. Otherwise the next opened file would get its descriptor, and
  /// output for the user would be written into that file. Writing to such a stream fails.
  static func prepare() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
      _ = open("/dev/null", O_RDWR)
      closed.withLock { _ = $0.insert(descriptor) }
    }
  }

  static func isClosed(_ descriptor: Int32) -> Bool { closed.withLock { $0.contains(descriptor) } }
}

/// Writes all of `text`; returns 0, or the number of the error that stopped it.
func write(_ text: String, to descriptor: Int32) -> Int32 {
  Array(text.utf8).withUnsafeBytes { write($0, to: descriptor) }
}

/// Writes all of `bytes`; returns 0, or the number of the error that stopped it.
func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
  guard let base = bytes.baseAddress, !bytes.isEmpty else { return 0 }
  if StandardStreams.isClosed(descriptor) { return EBADF }
  var offset = 0
  while offset < bytes.count {
    let written = Foundation.write(descriptor, base + offset, bytes.count - offset)
    if written > 0 {
      offset += written
    } else if errno == EAGAIN {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      poll(&waiting, 1, -1)
    } else if errno != EINTR {
      return errno
    }
  }
  return 0
}
