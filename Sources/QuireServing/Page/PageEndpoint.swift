/// GET /: the chat page. It is part of the program, so no other file is needed, and it sends requests only to this
/// server.
enum PageEndpoint {
  /// Only this exact path: `/v1/` stays unknown, so that a client with a wrong base URL gets status 404, not the page.
  static let path = "/"

  static func handle(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let isKnown = request.values(of: "If-None-Match").contains { names($0, PageText.entityTag) }
    // With 304 the library sends the length without the text, as RFC 9110, 8.6, allows.
    exchange.respond(
      HTTPResponse(
        status: isKnown ? 304 : 200, mediaType: "text/html; charset=utf-8", text: PageText.html,
        headers: headers))
  }

  /// The content security policy. It allows the page's style and script by their hashes, requests only to this server,
  /// and only images inside the page (its icon). No other page may embed it in a frame, and scripts cannot turn text
  /// into markup (trusted types).
  private static let policy = [
    "default-src 'none'", "script-src '\(PageText.scriptHash)'", "style-src '\(PageText.styleHash)'",
    "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].joined(separator: "; ")

  private static let headers = [
    HTTPHeader("Content-Security-Policy", policy),
    HTTPHeader("ETag", PageText.entityTag),
    // The browser asks each time whether the page has changed, because another version of the program has another page.
    HTTPHeader("Cache-Control", "no-cache"),
    HTTPHeader("X-Content-Type-Options", "nosniff"),
    HTTPHeader("X-Frame-Options", "DENY"),
    HTTPHeader("Referrer-Policy", "no-referrer"),
    HTTPHeader("Cross-Origin-Resource-Policy", "same-origin"),
    HTTPHeader("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
  ]

  /// Whether a value of `If-None-Match` names the tag; the comparison is weak (RFC 9110, 13.1.2).
  private static func names(_ value: String, _ tag: String) -> Bool {
    value.split(separator: ",").contains { part in
      let part = part.drop { $0 == " " || $0 == "\t" }
      let plain = (part.hasPrefix("W/") ? part.dropFirst(2) : part).prefix { $0 != " " && $0 != "\t" }
      return plain == "*" || plain == tag[...]
    }
  }
}
