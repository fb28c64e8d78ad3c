#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Bytes that wait to be sent to a socket.
struct ByteQueue {
  var bytes: [UInt8] = []
  private var sentCount = 0

  var count: Int { bytes.count - sentCount }
  var isEmpty: Bool { count == 0 }

  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
    sentCount = 0
  }

  fileprivate mutating func removeFirst(_ count: Int) {
    sentCount += count
    if isEmpty { removeAll() }
  }

  fileprivate func withUnsent<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[sentCount...])) }
  }
}

/// Calls on sockets that do not block.
enum Socket {
  enum Outcome {
    /// Bytes were moved.
    case moved
    /// Nothing to do at the moment.
    case none
    /// The other end has closed its sending half.
    case ended
    case failed
  }

  #if canImport(Glibc)
    private static let noSignal = Int32(MSG_NOSIGNAL)
    private static let readHangup = Int16(0x2000)  // POLLRDHUP
  #else
    private static let noSignal: Int32 = 0
    private static let readHangup: Int16 = 0
  #endif

  /// The `poll` entry for these events; without any, the socket is not watched.
  static func query(_ descriptor: Int32, reads: Bool, writes: Bool, hangup: Bool) -> pollfd {
    var events: Int16 = 0
    if reads { events |= Int16(POLLIN) }
    if writes { events |= Int16(POLLOUT) }
    if hangup { events |= readHangup }
    return pollfd(fd: events == 0 ? -1 : descriptor, events: events, revents: 0)
  }

  /// Passes the bytes of one `recv` call to `body`.
  static func receive(_ descriptor: Int32, _ body: (UnsafeRawBufferPointer) -> Void) -> Outcome {
    withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
      let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count > 0 {
        body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        return .moved
      }
      if count == 0 { return .ended }
      return isTemporary(errno) ? .none : .failed
    }
  }

  /// Sends as many bytes as one `send` call accepts.
  static func send(_ queue: inout ByteQueue, to descriptor: Int32) -> Outcome {
    let count = queue.withUnsent { systemSend(descriptor, $0.baseAddress, $0.count, noSignal) }
    guard count >= 0 else { return isTemporary(errno) ? .none : .failed }
    queue.removeFirst(count)
    return .moved
  }

  private static func isTemporary(_ code: Int32) -> Bool {
    code == EAGAIN || code == EWOULDBLOCK || code == EINTR
  }

  /// Two connected non-blocking sockets; `nil` when the system has no more.
  static func pair() -> (Int32, Int32)? {
    var ends: [Int32] = [-1, -1]
    #if canImport(Glibc)
      let kind = Int32(SOCK_STREAM.rawValue)
    #else
      let kind = SOCK_STREAM
    #endif
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { return nil }
    for end in ends { prepare(end) }
    return (ends[0], ends[1])
  }

  /// Makes a descriptor non-blocking and close-on-exec.
  static func prepare(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    #if !canImport(Glibc)
      var yes: Int32 = 1
      setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &yes, socklen_t(MemoryLayout<Int32>.size))
    #endif
  }

  /// Turns off Nagle's algorithm, so that stream events are sent as they are written.
  static func sendAtOnce(_ descriptor: Int32) {
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
  }
}

/// `send(2)`, which a method of the same name shadows.
private func systemSend(
  _ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32
) -> Int {
  send(descriptor, bytes, count, flags)
}
