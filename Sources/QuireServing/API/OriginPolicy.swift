/// Which web pages may use the server.
///
/// A browser sends the page's origin along with every request a script makes to another place. Without a
/// check, any page that a user visits could use the model on that user's machine, also by giving its own name
/// the machine's address (DNS rebinding). Programs other than browsers send no origin and are not concerned.
struct OriginPolicy: Sendable {
  /// Origins that are allowed besides those of this machine; `*` allows all.
  let allowed: Set<String>

  private static let localHosts: Set<String> = ["localhost", "127.0.0.1", "[::1]"]

  /// Headers that the answer to this request carries. Throws for a page that may not use the server.
  func headers(for request: HTTPRequest) throws(ServingError) -> [HTTPHeader] {
    guard let origin = request.value(of: "Origin") else { return [] }
    guard allows(origin) else {
      throw .rejected(
        Rejection(
          status: 403,
          message:
            "Pages of '\(FieldReader.shortened(origin))' may not use this server: allow that origin in its "
            + "options.", code: "origin_not_allowed"))
    }
    var headers = [HTTPHeader("Access-Control-Allow-Origin", origin), HTTPHeader("Vary", "Origin")]
    if request.method == "OPTIONS", request.value(of: "Access-Control-Request-Method") != nil {
      headers += [
        HTTPHeader("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
        HTTPHeader(
          "Access-Control-Allow-Headers",
          request.value(of: "Access-Control-Request-Headers") ?? "Authorization, Content-Type"),
        HTTPHeader("Access-Control-Max-Age", "600"),
      ]
    }
    return headers
  }

  func allows(_ origin: String) -> Bool {
    if allowed.contains("*") || allowed.contains(origin) { return true }
    guard let separator = origin.firstRange(of: "://"),
      ["http", "https"].contains(origin[..<separator.lowerBound])
    else { return false }
    var host = origin[separator.upperBound...].lowercased()
    // A port is digits behind the last colon that is not part of a bracketed address.
    if let colon = host.lastIndex(of: ":"), host[host.index(after: colon)...].allSatisfy(\.isNumber) {
      host = String(host[..<colon])
    }
    return Self.localHosts.contains(host)
  }
}
