/// The first line of a request: `POST /v1/completions HTTP/1.1`.
struct RequestLine {
  /// Most parameters of a query: the library notes each one.
  static let parameterCountMax = 100

  let method: String
  /// Without the query; percent escapes unchanged. `*` for the server itself.
  let path: String
  /// What follows the question mark; percent escapes unchanged.
  let query: String?
  /// The host and port of an absolute target such as `http://localhost:8080/health`.
  let authority: String?
  /// HTTP/1.0, which has neither chunks nor `Host`.
  let isOldVersion: Bool

  init(_ line: ArraySlice<UInt8>) throws(ServingError) {
    let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].count <= 32, !parts[0].isEmpty, parts[0].allSatisfy(\.isTokenByte) else {
      throw .refused(
        400, "expected a request line such as 'GET /health HTTP/1.1', found \(Self.quoted(line)); correct it")
    }
    method = String(decoding: parts[0], as: UTF8.self)
    switch String(decoding: parts[2], as: UTF8.self) {
    case "HTTP/1.1": isOldVersion = false
    case "HTTP/1.0": isOldVersion = true
    default:
      let isVersion = parts[2].starts(with: "HTTP/".utf8)
      throw .refused(
        isVersion ? 505 : 400,
        "expected HTTP/1.1 or HTTP/1.0 at the end of the request line, found \(Self.quoted(parts[2])); use one of "
          + "them")
    }
    let target: Substring
    (target, authority) = try Self.target(parts[1], method: method)
    path = String(target.prefix { $0 != "?" })
    query = target.count > path.count ? String(target.dropFirst(path.count + 1)) : nil
    guard (query ?? "").utf8.count(where: { $0 == UInt8(ascii: "&") }) < Self.parameterCountMax else {
      throw .refused(
        414, "expected at most \(Self.parameterCountMax) parameters in the query, found more; send fewer")
    }
  }

  var canonical: String {
    "\(method) \(path)\(query.map { "?" + $0 } ?? "") HTTP/1.\(isOldVersion ? 0 : 1)"
  }

  /// The path and the query.
  private static func target(
    _ bytes: ArraySlice<UInt8>, method: String
  ) throws(ServingError) -> (target: Substring, authority: String?) {
    let text = String(decoding: bytes, as: UTF8.self)
    if bytes.allSatisfy({ (0x21...0x7e).contains($0) }) {
      if text == "*", method == "OPTIONS" { return (text[...], nil) }
      if text.hasPrefix("/") { return (withoutFragment(text[...]), nil) }
      let scheme = text.prefix(8).lowercased()
      for prefix in ["http://", "https://"] where scheme.hasPrefix(prefix) {
        let rest = text.dropFirst(prefix.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard Authority(authority) != nil else { break }
        let target = withoutFragment(rest.dropFirst(authority.count))
        return (target.hasPrefix("/") ? target : "/" + target, String(authority))
      }
    }
    throw .refused(
      400, "expected a path such as /v1/models in the request line, found \(quoted(bytes)); correct it")
  }

  private static func withoutFragment(_ target: Substring) -> Substring { target.prefix { $0 != "#" } }

  /// Received bytes quoted for a message: shortened, and without terminal control characters.
  private static func quoted(_ bytes: ArraySlice<UInt8>) -> String {
    let text = bytes.prefix(40).map { (0x20...0x7e).contains($0) ? Character(Unicode.Scalar($0)) : "?" }
    return "'" + String(text) + (bytes.count > 40 ? "…'" : "'")
  }
}

/// One header line: `Name: value`.
struct HeaderLine {
  /// In lower case.
  let name: String
  /// The name as received.
  let spelling: String
  /// Without spaces and tabs around it; invalid UTF-8 is replaced by U+FFFD.
  let value: String

  init(_ line: ArraySlice<UInt8>) throws(ServingError) {
    let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    guard let first = line.first, !isBlank(first) else {
      throw .refused(
        400, "expected one line for each header, found one that continues the line before; join them")
    }
    // A space before the colon makes the name invalid; it is not trimmed.
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
      line[..<colon].allSatisfy(\.isTokenByte)
    else {
      throw .refused(
        400, "expected headers of the form 'Name: value', found a line of another form; correct it")
    }
    let name = String(decoding: line[..<colon], as: UTF8.self)
    let rest = line[(colon + 1)...]
    guard rest.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == UInt8(ascii: "\t") }) else {
      throw .refused(400, "expected no control characters in a header, found one in '\(name)'; remove it")
    }
    self.name = name.lowercased()
    spelling = name
    let trimmed = rest.drop(while: isBlank)
    let end = trimmed.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? trimmed.startIndex
    value = String(decoding: trimmed[..<end], as: UTF8.self)
  }
}

extension UInt8 {
  /// Whether the byte may stand in a method or a header's name (RFC 9110, 5.6.2).
  var isTokenByte: Bool {
    isASCIILetter || isASCIIDigit || Self.tokenMarks.contains(self)
  }

  private static let tokenMarks = Array("!#$%&'*+-.^_`|~".utf8)
}
