/// The keys of which a request must present one.
///
/// Keys are compared in a time that depends only on what the request presents, so that the time of an answer tells
/// nothing about them. They are never part of a message or of the log.
package struct APIKeys: Sendable {
  private let keys: [[UInt8]]

  /// Paths without `/v1` that need no key: the page, which asks for one, and those that load balancers read.
  private static let openPaths: Set<String> = [PageEndpoint.path, "/health", "/ping"]
  private static let lengthMax = 1024
  /// What `canBe` accepts, in sentences.
  package static let kind = "API keys of 1 to \(lengthMax) visible ASCII characters without spaces"

  /// Without any key, every request is allowed.
  init(_ keys: some Sequence<String>) {
    self.keys = keys.map { Array($0.utf8) }
  }

  /// Whether a text can be a key: visible ASCII, because it has to stand in a header.
  package static func canBe(_ text: String) -> Bool {
    (1...lengthMax).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
  }

  /// Throws when the request needs a key and presents none of these.
  func check(_ request: HTTPRequest) throws(ServingError) {
    guard !keys.isEmpty, !Self.isOpen(request.path) else { return }
    let presented = Self.presented(by: request)
    // Every key is compared with every presented one, whatever the results.
    var isKnown = false
    for candidate in presented {
      for key in keys where Self.areEqual(candidate, key) { isKnown = true }
    }
    guard !isKnown else { return }
    throw .rejected(
      Rejection(
        status: 401,
        message: "expected an API key of this server in the header 'Authorization: Bearer KEY', found "
          + "\(presented.isEmpty ? "none" : "another one"); \(presented.isEmpty ? "send" : "correct") it",
        kind: "authentication_error", code: "invalid_api_key",
        headers: [HTTPHeader("WWW-Authenticate", "Bearer")]))
  }

  private static func isOpen(_ path: String) -> Bool {
    openPaths.contains(path) || openPaths.contains(Router.plainPath(path))
  }

  /// The keys in `Authorization` (RFC 6750) and in `x-api-key`, which Anthropic's clients send.
  private static func presented(by request: HTTPRequest) -> [[UInt8]] {
    var keys: [[UInt8]] = []
    if let header = request.value(of: "Authorization") {
      let parts = header.split(separator: " ", maxSplits: 1)
      if parts.count == 2, parts[0].lowercased() == "bearer" {
        keys.append(Array(parts[1].drop { $0 == " " }.utf8))
      }
    }
    if let header = request.value(of: "x-api-key"), !header.isEmpty { keys.append(Array(header.utf8)) }
    return keys
  }

  /// Takes as long as `presented` has bytes, wherever the two differ.
  private static func areEqual(_ presented: [UInt8], _ key: [UInt8]) -> Bool {
    var difference = presented.count ^ key.count
    for index in presented.indices { difference |= Int(presented[index] ^ key[index % key.count]) }
    return difference == 0
  }
}
