/// The base address of a server's API.
///
///     try RemoteAddress("http://127.0.0.1:8080").url("models")     // http://127.0.0.1:8080/v1/models
package struct RemoteAddress: Sendable, Hashable {
  /// Without a slash at the end: "https://example.org/api/v1".
  package let text: String
  /// The host with its port, for names of rows.
  package let host: String

  /// Throws one sentence for anything else than an address of HTTP without user, query and fragment.
  package init(_ text: String) throws(RemoteError) {
    let scheme = ["http://", "https://"].first { text.lowercased().hasPrefix($0) }
    guard let scheme else {
      throw .address(text, found: "no http:// or https:// at its beginning")
    }
    let plain = text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"\"<>\\^`{|}".utf8.contains($0) }
    guard plain else { throw .address(text, found: "a character that no address has") }
    guard !text.contains("?"), !text.contains("#") else {
      throw .address(text, found: "a query or fragment")
    }
    var rest = text.dropFirst(scheme.count)
    while rest.hasSuffix("/") { rest.removeLast() }
    let host = rest.prefix { $0 != "/" }
    guard !host.isEmpty, host.first != ":" else { throw .address(text, found: "no host") }
    // It would be a part of reports.
    guard !host.contains("@") else { throw .address("", found: "a name or password before the host") }
    self.host = String(host)
    // The usual path, where none is given.
    self.text = scheme + rest + (host.endIndex == rest.endIndex ? "/v1" : "")
  }

  func url(_ path: String) -> String { "\(text)/\(path)" }

  var isEncrypted: Bool { text.hasPrefix("https://") }

  /// Whether the server is on this machine, so that no proxy is between.
  package var isLocal: Bool {
    let name = host.hasPrefix("[") ? host.prefix { $0 != "]" } + "]" : host.prefix { $0 != ":" }
    return name == "localhost" || name.hasPrefix("127.") || name == "[::1]"
  }

  /// Whether a key would travel over a network in plain text.
  package var exposesKey: Bool { !isEncrypted && !isLocal }
}
