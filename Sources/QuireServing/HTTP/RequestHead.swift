/// The request line and headers of one request, read line by line by RFC 9112, strictly where the RFC leaves a
/// choice. The result is a head in canonical form, which later readers cannot interpret differently.
struct RequestHead {
  /// Why the head is refused. Thrown by `add` and `finish`.
  typealias Refusal = ServingError

  /// How the end of the body is found.
  enum Framing: Equatable {
    case none
    /// Bytes announced by Content-Length.
    case counted(Int)
    case chunked
  }

  static let headerCountMax = 200

  private(set) var framing = Framing.none
  /// The digits of Content-Length, for messages: cut, and without leading zeros.
  private(set) var lengthText = ""
  /// Whether the client waits for `100 Continue` before it sends the body.
  private(set) var expectsContinue = false
  private var requestLine: RequestLine?
  private var host: String?
  private var origins: [String] = []
  private var headerCount = 0
  private var hasTransferEncoding = false
  private var canonicalLines: [UInt8] = []

  /// The head of the empty request that replaces a refused one. It has what was read of the request's own line, so that
  /// the answer has the form of the path's API, and of its host and origin, so that a page can read the answer.
  var replacement: String {
    let line = requestLine?.canonical ?? "GET / HTTP/1.1"
    let fields = ["Host: \(requestLine?.authority ?? host ?? "localhost")"] + origins.map { "Origin: \($0)" }
    return ([line] + fields + ["Connection: close"]).map { $0 + "\r\n" }.joined() + "\r\n"
  }

  /// Whether no line has been added.
  var isEmpty: Bool { requestLine == nil }

  /// Reads the next line, given without its line end.
  mutating func add(_ line: ArraySlice<UInt8>) throws(Refusal) {
    guard requestLine != nil else {
      requestLine = try RequestLine(line)
      return
    }
    headerCount += 1
    guard headerCount <= Self.headerCountMax else {
      throw .refused(431, "expected at most \(Self.headerCountMax) headers, found more; send fewer")
    }
    let field = try HeaderLine(line)
    switch field.name {
    case "host": try takeHost(field)
    case "content-length": try takeLength(field)
    case "transfer-encoding": try takeEncoding(field)
    case "expect": try takeExpectation(field)
    case "origin": origins.append(field.value)
    // Cookies are not used; a page's request includes those of other servers on this machine, so drop them.
    case "cookie": return
    default: break
    }
    if field.name != "host" { canonicalLines += Array("\(field.spelling): \(field.value)\r\n".utf8) }
  }

  /// The bytes of the whole head, after its last line was added.
  func finish() throws(Refusal) -> [UInt8] {
    guard let requestLine else { throw .refused(400, "expected a request line, found none; send one") }
    if requestLine.isOldVersion {
      guard !hasTransferEncoding else {
        throw .refused(
          400, "expected a body with Content-Length in HTTP/1.0, found Transfer-Encoding; send its length")
      }
    } else if host == nil {
      throw .refused(400, "expected a Host header in a request of HTTP/1.1, found none; add it")
    }
    if hasTransferEncoding, case .counted = framing {
      throw .refused(400, "expected Content-Length or Transfer-Encoding, found both; send one of them")
    }
    var bytes = Array("\(requestLine.canonical)\r\n".utf8)
    // The host of an absolute target replaces the Host header (RFC 9112, 3.2.2).
    if let host = requestLine.authority ?? host { bytes += Array("Host: \(host)\r\n".utf8) }
    return bytes + canonicalLines + "\r\n".utf8
  }

  private mutating func takeHost(_ field: HeaderLine) throws(Refusal) {
    guard host == nil else { throw .refused(400, "expected one Host header, found two; send one") }
    guard field.value.isEmpty || Authority(field.value) != nil else {
      throw .refused(
        400,
        "expected a host name and perhaps a port in the Host header, found '\(Found.plain(field.value))'; "
          + "correct it")
    }
    host = field.value
  }

  private mutating func takeLength(_ field: HeaderLine) throws(Refusal) {
    if case .counted = framing {
      throw .refused(400, "expected one Content-Length header, found two; send one")
    }
    guard !field.value.isEmpty, field.value.utf8.allSatisfy(\.isASCIIDigit) else {
      throw .refused(
        400,
        "expected digits as the Content-Length, found '\(Found.plain(field.value))'; correct it")
    }
    // A number beyond 64 bits is treated as any other length that is too large.
    let length = Int(field.value) ?? .max
    if hasTransferEncoding {
      throw .refused(400, "expected Content-Length or Transfer-Encoding, found both; send one of them")
    }
    framing = .counted(length)
    lengthText = Found.plain(String(field.value.drop { $0 == "0" }))
  }

  private mutating func takeEncoding(_ field: HeaderLine) throws(Refusal) {
    guard !hasTransferEncoding else {
      throw .refused(400, "expected one Transfer-Encoding header, found two; send one")
    }
    guard field.value.lowercased() == "chunked" else {
      throw .refused(
        501,
        "expected 'chunked' as the Transfer-Encoding, found '\(Found.plain(field.value))'; send the body "
          + "unencoded")
    }
    if case .counted = framing {
      throw .refused(400, "expected Content-Length or Transfer-Encoding, found both; send one of them")
    }
    hasTransferEncoding = true
    framing = .chunked
  }

  private mutating func takeExpectation(_ field: HeaderLine) throws(Refusal) {
    guard field.value.lowercased() == "100-continue" else {
      throw .refused(
        417,
        "expected '100-continue' as the expectation, found '\(Found.plain(field.value))'; leave it out"
      )
    }
    expectsContinue = true
  }
}

extension ServingError {
  /// A request that is not valid HTTP or exceeds a limit.
  static func refused(_ status: Int, _ message: String) -> ServingError {
    .rejected(Rejection(status: status, message: message, code: "invalid_http"))
  }
}
