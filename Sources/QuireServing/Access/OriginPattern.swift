/// One value of `--allow-origin`: `*` for every page, `null` for pages without an origin (files, sandboxes), an
/// origin such as `https://chat.example.org:8443`, or one with `*` for the host or for the part before a domain:
/// `vscode-webview://*`, `https://*.example.org`.
struct OriginPattern: Sendable, Equatable {
  /// The pattern in lower case.
  private let text: String

  /// `nil` when `text` is none of the above.
  init?(_ text: String) {
    // People copy a trailing slash from the address bar; browsers never send it.
    let text = (text.hasSuffix("/") && !text.hasSuffix("://") ? String(text.dropLast()) : text).lowercased()
    guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
    self.text = text
    if text == "*" || text == "null" { return }
    guard let separator = text.firstRange(of: "://"), separator.lowerBound > text.startIndex else {
      return nil
    }
    let host = text[separator.upperBound...]
    guard !host.isEmpty, !host.contains("/"), !host.contains("?"), !host.contains("#") else { return nil }
    guard Self.isPort(host.hasPrefix("[") ? host.drop { $0 != "]" }.dropFirst() : host.drop { $0 != ":" })
    else { return nil }
    // A star replaces the whole host or the part before ".domain".
    if host.contains("*") && host != "*" && !(host.hasPrefix("*.") && !host.dropFirst().contains("*")) {
      return nil
    }
  }

  /// Whether what follows a host is nothing, or a colon and a port.
  private static func isPort(_ text: Substring) -> Bool {
    let digits = text.dropFirst()
    return text.isEmpty
      || text.hasPrefix(":") && digits.utf8.allSatisfy(\.isASCIIDigit) && UInt16(digits) != nil
  }

  /// Whether every page is allowed.
  var isEverything: Bool { text == "*" }

  func matches(_ origin: String) -> Bool {
    let origin = origin.lowercased()
    if isEverything || origin == text { return true }
    guard let star = text.firstIndex(of: "*") else { return false }
    let front = text[..<star]
    let back = text[text.index(after: star)...]
    return origin.hasPrefix(front) && origin.hasSuffix(back)
      && origin.utf8.count > front.utf8.count + back.utf8.count
      && !origin.dropFirst(front.count).contains("/")
  }
}
