/// The host names that requests may use for the server.
///
/// A web page can point its own domain name at this machine's address (DNS rebinding). The browser then treats the
/// server as part of that page and sends no origin, but the `Host` header still has the page's name. So a name is
/// allowed only when nobody else can own it:
///
/// 1. IP addresses: rebinding needs a name.
/// 2. `localhost` and names below it.
/// 3. The host the server listens on, this machine's own name, and the names that were allowed.
/// 4. When the server listens for other machines, names that no public name server can answer: those without a
///    dot, and those below `local`, `internal` and `home.arpa`. Whoever controls such names is inside the network
///    and reaches the server anyway.
struct HostPolicy: Sendable {
  private let names: Set<String>
  private let allowsAll: Bool
  private let allowsNetworkNames: Bool
  private static let networkSuffixes = [".local", ".internal", ".home.arpa"]

  /// - Parameters:
  ///   - boundHost: the host that the server listens on.
  ///   - allowed: further names; `*` allows all.
  init(boundHost: String, machine: MachineNames, allowed: Set<String>) {
    let bound = Authority(boundHost)
    names = machine.names.union(allowed.map { $0.lowercased() }).union([boundHost.lowercased()])
    allowsAll = allowed.contains("*")
    allowsNetworkNames =
      !(bound?.isLocalName ?? false) && !boundHost.hasPrefix("127.") && boundHost != "::1"
  }

  /// Whether `text` is a value of `--allow-host`.
  static func canAllow(_ text: String) -> Bool {
    text == "*" || Authority(text).map { $0.port == nil && !text.hasSuffix(":") } ?? false
  }

  /// Throws when the request names a host that may belong to somebody else. A request without a `Host` header, which
  /// only HTTP/1.0 allows, cannot come from a browser.
  func check(_ request: HTTPRequest) throws(ServingError) {
    guard let host = request.value(of: "Host") else { return }
    guard let authority = Authority(host) else {
      throw .rejected(
        Rejection(
          status: 400,
          message: "expected a host name and perhaps a port in the Host header, found "
            + "'\(Found.plain(host))'; correct it", code: "invalid_host"))
    }
    guard !allows(authority) else { return }
    throw .rejected(
      Rejection(
        status: 403,
        message: "expected a request to this machine's address or one of its names, found the host "
          + "'\(Found.plain(authority.host))'; start the server with --allow-host "
          + "\(Found.plain(authority.host)) to allow it", code: "host_not_allowed"))
  }

  func allows(_ authority: Authority) -> Bool {
    if allowsAll || authority.isIPAddress || authority.isLocalName { return true }
    if names.contains(authority.host) { return true }
    return allowsNetworkNames
      && (!authority.host.contains(".") || Self.networkSuffixes.contains { authority.host.hasSuffix($0) })
  }
}
