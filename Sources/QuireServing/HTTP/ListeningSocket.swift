#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A listening TCP socket. It is opened here, not by the HTTP library, because the library does not report why it
/// failed. The owner of the descriptor closes it.
struct ListeningSocket {
  let descriptor: Int32
  /// The actual port, also when port 0 was requested.
  let port: Int

  /// Binds to the first address of `host` that works. Port 0 selects a free port.
  init(host: String, port: Int) throws(ServingError) {
    guard (0...65535).contains(port) else {
      throw .invalidOption(
        name: "port",
        sentence: "expected a port from 0 to 65535 (0 takes a free one), found \(port); choose another port")
    }
    var failure: Int32 = EADDRNOTAVAIL
    for address in try Self.addresses(of: host, port: port) {
      switch Self.listen(on: address) {
      case .success(let descriptor):
        self.descriptor = descriptor
        self.port = Self.boundPort(of: descriptor)
        return
      case .failure(let error): failure = error.code
      }
    }
    throw .cannotListen(host: host, port: port, sentence: Self.sentence(failure, host: host, port: port))
  }

  func close() { systemClose(descriptor) }

  private struct Address {
    let family: Int32
    /// A socket address of that family.
    let bytes: [UInt8]
  }

  private struct SystemError: Error {
    let code: Int32
  }

  private static func addresses(of host: String, port: Int) throws(ServingError) -> [Address] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    #if canImport(Glibc)
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
      hints.ai_socktype = SOCK_STREAM
    #endif
    hints.ai_flags = Int32(AI_PASSIVE | AI_NUMERICSERV)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(port), &hints, &list)
    guard status == 0, let first = list else {
      throw .cannotListen(
        host: host, port: port,
        sentence:
          "expected a host with an address on this machine, found '\(host)', which has none "
          + "(\(String(cString: gai_strerror(status)))); use an address such as 127.0.0.1, or 0.0.0.0 for all of them"
      )
    }
    defer { freeaddrinfo(first) }
    return sequence(first: first, next: { $0.pointee.ai_next }).map { entry in
      let bytes = UnsafeRawBufferPointer(start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen))
      return Address(family: entry.pointee.ai_family, bytes: Array(bytes))
    }
  }

  private static func listen(on address: Address) -> Result<Int32, SystemError> {
    #if canImport(Glibc)
      let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    #else
      let kind = SOCK_STREAM
    #endif
    let descriptor = socket(address.family, kind, 0)
    guard descriptor >= 0 else { return .failure(SystemError(code: errno)) }
    // A restarted server need not wait for the old connections' TIME_WAIT; a port with a live listener stays refused.
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    let isBound = address.bytes.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return false }
      return bind(descriptor, start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count)) == 0
    }
    #if !canImport(Glibc)
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    #endif
    if isBound && systemListen(descriptor) { return .success(descriptor) }
    let code = errno
    systemClose(descriptor)
    return .failure(SystemError(code: code))
  }

  private static func boundPort(of descriptor: Int32) -> Int {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
      // Both address families store the port, big-endian, after two bytes for the family.
      return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        Int(UInt16(bigEndian: $0.pointee.sin_port))
      }
    }
  }

  private static func sentence(_ code: Int32, host: String, port: Int) -> String {
    switch code {
    case EADDRINUSE:
      return
        "expected a free port, found port \(port) on \(host) in use by another program; stop it or choose another "
        + "port"
    case EACCES:
      return "expected a port that this user may use, found \(port); choose one from 1024 up"
    case EADDRNOTAVAIL:
      return
        "expected an address of this machine, found \(host); use one that belongs to it, such as 127.0.0.1"
    default:
      return
        "expected to listen on \(host), port \(port), found: \(String(cString: strerror(code)).lowercased()); "
        + "choose another address or port"
    }
  }
}

/// `listen(2)`, which a method of the same name shadows.
private func systemListen(_ descriptor: Int32) -> Bool {
  listen(descriptor, 128) == 0
}

/// `close(2)`, likewise.
private func systemClose(_ descriptor: Int32) {
  close(descriptor)
}
