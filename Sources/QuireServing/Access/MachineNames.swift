#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Names and addresses that other machines may use for this one.
struct MachineNames: Sendable {
  /// In lower case: host name, its first part, and both with `.local` (multicast DNS).
  let names: Set<String>
  /// IP addresses of the network interfaces.
  let addresses: Set<String>

  /// Reads them from the system without a DNS query, so this never waits.
  static func current() -> MachineNames {
    var buffer = [CChar](repeating: 0, count: 256)
    // The last byte stays zero: POSIX does not guarantee a terminator for a truncated name.
    let status = gethostname(&buffer, 255)
    let name = status == 0 ? text(of: buffer).lowercased() : ""
    return MachineNames(hostName: name, addresses: interfaceAddresses())
  }

  init(hostName: String, addresses: Set<String> = []) {
    var names: Set<String> = []
    if !hostName.isEmpty {
      let short = String(hostName.prefix { $0 != "." })
      names = [hostName, short, short + ".local"]
    }
    self.names = names
    self.addresses = addresses
  }

  private static func interfaceAddresses() -> Set<String> {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
    var addresses: Set<String> = []
    var next = first
    while let entry = next {
      if let address = entry.pointee.ifa_addr, let text = numericHost(address) { addresses.insert(text) }
      next = entry.pointee.ifa_next
    }
    return addresses
  }

  private static func numericHost(_ address: UnsafeMutablePointer<sockaddr>) -> String? {
    let length: Int
    switch Int32(address.pointee.sa_family) {
    case AF_INET: length = MemoryLayout<sockaddr_in>.size
    case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
    default: return nil
    }
    var buffer = [CChar](repeating: 0, count: 256)
    guard getnameinfo(address, socklen_t(length), &buffer, 256, nil, 0, NI_NUMERICHOST) == 0 else {
      return nil
    }
    // A link-local address has its interface after a percent sign.
    return String(text(of: buffer).prefix { $0 != "%" })
  }

  private static func text(of buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }
}
