#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Host and port as a `Host` header or an origin names them, such as `localhost:8080` or `[::1]`.
struct Authority: Equatable {
  /// In lower case; an IPv6 address without its brackets.
  let host: String
  /// `nil` when it has no port.
  let port: Int?

  /// `nil` when `text` is not a host with an optional port. Only ASCII counts, so the text of every value is
  /// safe in a header and in a sentence.
  init?(_ text: some StringProtocol) {
    var bytes = Array(text.utf8)[...]
    guard let host = Self.takeHost(&bytes) else { return nil }
    self.host = host
    guard let colon = bytes.popFirst() else {
      port = nil
      return
    }
    guard colon == UInt8(ascii: ":") else { return nil }
    // RFC 3986 allows an empty port.
    if bytes.isEmpty {
      port = nil
      return
    }
    guard bytes.count <= 5, bytes.allSatisfy(\.isASCIIDigit) else { return nil }
    port = bytes.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  private static func takeHost(_ bytes: inout ArraySlice<UInt8>) -> String? {
    guard bytes.first == UInt8(ascii: "[") else {
      let name = bytes.prefix { $0.isHostNameByte }
      guard (1...255).contains(name.count) else { return nil }
      bytes.removeFirst(name.count)
      // A trailing dot only marks an absolute name.
      let host = String(decoding: name, as: UTF8.self).lowercased()
      return host.count > 1 && host.hasSuffix(".") ? String(host.dropLast()) : host
    }
    guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
    let host = String(decoding: bytes[bytes.startIndex + 1..<end], as: UTF8.self).lowercased()
    bytes.removeSubrange(...end)
    return IPAddress.isVersion6(host) ? host : nil
  }

  var isIPAddress: Bool { IPAddress.isVersion4(host) || IPAddress.isVersion6(host) }

  /// Whether the name always refers to the local machine.
  var isLocalName: Bool { host == "localhost" || host.hasSuffix(".localhost") }
}

/// IP addresses in their usual text forms.
enum IPAddress {
  static func isVersion4(_ text: String) -> Bool { isAddress(text, of: AF_INET) }
  static func isVersion6(_ text: String) -> Bool { isAddress(text, of: AF_INET6) }

  private static func isAddress(_ text: String, of family: Int32) -> Bool {
    // A C string ends at its first NUL, so anything after it would be missed.
    guard !text.utf8.contains(0) else { return false }
    var address = in6_addr()
    return inet_pton(family, text, &address) == 1
  }

  /// An IPv6 address without the brackets that it has in a URL; any other text as it is.
  static func withoutBrackets(_ host: String) -> String {
    guard host.hasPrefix("["), host.hasSuffix("]") else { return host }
    let address = String(host.dropFirst().dropLast())
    return isVersion6(address) ? address : host
  }

  /// A host as written in a URL: IPv6 addresses in brackets.
  static func inURL(_ host: String) -> String { isVersion6(host) ? "[\(host)]" : host }
}

extension UInt8 {
  var isASCIIDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

  var isASCIILetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }

  fileprivate var isHostNameByte: Bool {
    isASCIILetter || isASCIIDigit || self == UInt8(ascii: "-") || self == UInt8(ascii: ".")
      || self == UInt8(ascii: "_")
  }
}
