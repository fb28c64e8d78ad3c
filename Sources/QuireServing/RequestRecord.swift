/// The log record of one finished request: enough to identify it, without any of its content.
package struct RequestRecord: Sendable, Equatable {
  /// The same as in the answer's `X-Request-Id`.
  package var id: String
  /// `-` when the input was not a valid request.
  package var method: String
  /// Without the query.
  package var path: String
  /// 0 when the client left before it was answered.
  package var status: Int
  /// Whether the client got the whole answer.
  package var isAnswered: Bool
  package var tokens: TokenCounts
  /// From the first byte of the body to the end of the answer.
  package var seconds: Double
  /// Bodies, if they are logged and the request has one.
  package var body: LoggedBody?
  package var answer: LoggedBody?

  /// Tokens of a request, summed over its answers.
  package struct TokenCounts: Sendable, Equatable {
    package var prompt = 0
    /// Tokens of the prompt that did not have to be computed.
    package var cached = 0
    package var generated = 0
  }

  private static let pathLengthMax = 120

  /// The lines of the log: the record itself, then the bodies.
  package var lines: [String] {
    [line] + (body.map { ["\(id) request \($0.line)"] } ?? [])
      + (answer.map { ["\(id) answer \($0.line)"] } ?? [])
  }

  /// One line without its end: `req-1f POST /v1/completions 200 prompt 12 cached 0 generated 34 1.234 s`.
  package var line: String {
    var words = [id, method, shownPath, status == 0 ? "-" : String(status)]
    if tokens != TokenCounts() {
      words.append("prompt \(tokens.prompt) cached \(tokens.cached) generated \(tokens.generated)")
    }
    let milliseconds = Int((max(0, min(seconds, 1e9)) * 1000).rounded())
    let fraction = String(milliseconds % 1000 + 1000).dropFirst()
    words.append("\(milliseconds / 1000).\(fraction) s")
    if !isAnswered { words.append("client left") }
    // Escaped: a client's text must stay on one line and contain no terminal control characters.
    return String(
      words.joined(separator: " ").unicodeScalars.map {
        (0x20...0x7e).contains($0.value) ? Character($0) : "?"
      })
  }

  private var shownPath: String {
    path.utf8.count <= Self.pathLengthMax
      ? path : String(decoding: path.utf8.prefix(Self.pathLengthMax), as: UTF8.self) + "..."
  }
}

/// Names of requests.
enum RequestName {
  private static let marks = Array("-_.:".utf8)

  /// The client's `X-Request-Id` if it is safe in a header and in a log; otherwise a new name.
  static func of(_ request: HTTPRequest) -> String {
    if let given = request.value(of: "X-Request-Id"), (1...128).contains(given.utf8.count),
      given.utf8.allSatisfy({ $0.isASCIILetter || $0.isASCIIDigit || marks.contains($0) })
    {
      return given
    }
    return fresh()
  }

  static func fresh() -> String {
    ReplyIdentity.randomID(prefix: "req-")
  }
}
