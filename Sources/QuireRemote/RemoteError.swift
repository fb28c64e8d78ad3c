/// Why a server could not be asked. Every description is one sentence.
package enum RemoteError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An address that cannot be used.
  case address(String, found: String)
  /// A key that cannot be a header's value.
  case key
  case noLibrary
  /// No connection, or one that ended before the answer; `found` is the reason.
  case unreachable(String, found: String)
  case timedOut(String, seconds: Int)
  case tooLarge(String, limit: Int)
  /// A status that is not a success; `message` is the server's own.
  case refused(String, status: Int, message: String)
  /// An answer that is not what the API describes.
  case malformed(String, expected: String, found: String)
  /// Another request of the same set has failed.
  case stopped

  package var description: String {
    switch self {
    case .address(let text, let found):
      "expected the address of a server, such as http://127.0.0.1:8080/v1, found \(found)"
        + "\(text.isEmpty ? "" : " in '\(text)'"); correct the address"
    case .key:
      "expected a key of visible ASCII characters, found others in it; correct the key"
    case .noLibrary:
      "expected the library libcurl, which the requests to servers need, found none; install it (Debian: libcurl4)"
    case .unreachable(let url, let found):
      "expected an answer from \(url), found: \(found); start the server or correct its address"
    case .timedOut(let url, let seconds):
      "expected an answer from \(url) within \(seconds) s, found none; allow more with --server-timeout, or look at "
        + "the server's log"
    case .tooLarge(let url, let limit):
      "expected an answer of at most \(limit >> 20) MiB from \(url), found a longer one; correct the server"
    case .refused(let url, let status, let message):
      "expected \(url) to answer, found status \(status)"
        + "\(message.isEmpty ? "" : " (\(message))"); \(Self.advice(status))"
    case .malformed(let url, let expected, let found):
      "expected \(expected) from \(url), found \(found); check the address and --server-model"
    case .stopped:
      "the requests were stopped"
    }
  }

  private static func advice(_ status: Int) -> String {
    switch status {
    case 401, 403: "give its key with --server-key-file"
    case 404: "correct the address or the model's name"
    case 429, 500...: "run again when the server has recovered"
    default: "look at the server's log"
    }
  }

  /// The status of a request that the server has understood and refuses, whenever it is repeated.
  package var refusal: (status: Int, message: String)? {
    guard case .refused(_, let status, let message) = self, (400..<500).contains(status) || status == 501,
      ![401, 403, 408, 429].contains(status)
    else { return nil }
    return (status, message)
  }
}
