/// Which web pages may use the server.
///
/// A browser sends the page's origin along with every request that a script makes to another server. Without a
/// check, any page that a user visits could use the model on that user's machine. Programs other than browsers
/// send no origin and are not checked. Pages of this machine are allowed on any port: those of
/// `localhost`, of the host that the request itself names (`HostPolicy` has checked it), and of the machine's own
/// names and addresses.
struct OriginPolicy: Sendable {
  private let allowed: [OriginPattern]
  private let machine: MachineNames

  init(allowed: Set<String>, machine: MachineNames) {
    self.allowed = allowed.sorted().compactMap { OriginPattern($0) }
    self.machine = machine
  }

  /// `Access-Control-Allow-Headers` of every preflight answer; nothing from the request is repeated. In browsers that
  /// support it, the star covers further headers, but never `Authorization`.
  private static let requestHeaders =
    "Authorization, Content-Type, Accept, Cache-Control, Last-Event-ID, OpenAI-Organization, OpenAI-Project, "
    + "OpenAI-Beta, X-Request-Id, X-Requested-With, X-Title, X-Api-Key, Api-Key, X-Stainless-Arch, "
    + "X-Stainless-Async, X-Stainless-Helper-Method, X-Stainless-Lang, X-Stainless-OS, "
    + "X-Stainless-Package-Version, X-Stainless-Poll-Helper, X-Stainless-Retry-Count, X-Stainless-Runtime, "
    + "X-Stainless-Runtime-Version, X-Stainless-Timeout, *"

  /// The methods of all paths.
  static let methods = "GET, HEAD, POST, DELETE, OPTIONS"

  private static let preflightHeaders = [
    HTTPHeader("Access-Control-Allow-Methods", methods),
    HTTPHeader("Access-Control-Allow-Headers", requestHeaders),
    // Lets allowed public pages reach a private address.
    HTTPHeader("Access-Control-Allow-Private-Network", "true"),
    HTTPHeader("Access-Control-Max-Age", "600"),
  ]

  /// The CORS headers of the answer to this request. Throws for a page that may not use the server. The browser's own
  /// question before a request of such a page is answered without these headers, which tells the browser the same in the
  /// usual way.
  func headers(for request: HTTPRequest) throws(ServingError) -> [HTTPHeader] {
    let origins = request.values(of: "Origin")
    guard let origin = origins.first else { return [] }
    guard origins.count == 1, let answer = answer(to: origin, of: request) else {
      if request.method == "OPTIONS" { return [HTTPHeader("Vary", "Origin")] }
      throw .rejected(
        Rejection(
          status: 403,
          message: "expected a page of this machine or of an allowed origin, found a page of "
            + "'\(Found.plain(origin))'; start the server with --allow-origin "
            + "\(Found.plain(origin)) to allow it", code: "origin_not_allowed"))
    }
    let isPreflight = request.method == "OPTIONS"
    return [
      HTTPHeader("Access-Control-Allow-Origin", answer), HTTPHeader("Vary", "Origin"),
      HTTPHeader(
        "Access-Control-Expose-Headers", "X-Request-Id, Request-Id, X-Quire-Ignored, Retry-After, Allow"),
    ] + (isPreflight ? Self.preflightHeaders : [])
  }

  /// The value of `Access-Control-Allow-Origin`: the validated origin or `*`; `nil` when the page is not allowed.
  private func answer(to origin: String, of request: HTTPRequest) -> String? {
    if allowed.contains(where: \.isEverything) { return "*" }
    guard origin.utf8.allSatisfy({ (0x21...0x7e).contains($0) }), origin.utf8.count <= 512 else { return nil }
    if allowed.contains(where: { $0.matches(origin) }) { return origin }
    return isOwn(origin, of: request) ? origin : nil
  }

  private func isOwn(_ origin: String, of request: HTTPRequest) -> Bool {
    guard let separator = origin.firstRange(of: "://"),
      ["http", "https"].contains(origin[..<separator.lowerBound]),
      let page = Authority(origin[separator.upperBound...])
    else { return false }
    if page.isLocalName || page.host.hasPrefix("127.") && page.isIPAddress || page.host == "::1" {
      return true
    }
    if machine.names.contains(page.host) || machine.addresses.contains(page.host) { return true }
    return request.value(of: "Host").flatMap { Authority($0) }?.host == page.host
  }
}
