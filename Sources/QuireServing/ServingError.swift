package import QuireGeneration

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The errors that keep a server from starting or a request from being answered. `description` is one sentence:
/// what was expected, what was found, what to do.
package enum ServingError: Error, Equatable, CustomStringConvertible {
  /// An option is out of range.
  case invalidOption(name: String, sentence: String)
  /// The address cannot be listened on; `sentence` says why.
  case cannotListen(host: String, port: Int, sentence: String)
  /// The HTTP library did not start.
  case libraryFailed(sentence: String)
  /// The system refused a thread; `code` is its error number.
  case noThread(code: Int32)
  /// The system gives the server no more file descriptors.
  case noDescriptors
  /// The request is answered with an error.
  case rejected(Rejection)

  package var description: String {
    switch self {
    case .invalidOption(_, let sentence), .cannotListen(_, _, let sentence), .libraryFailed(let sentence):
      return sentence
    case .noThread(let code):
      return
        "expected a thread for the server, found: \(String(cString: strerror(code)).lowercased()); raise the "
        + "limits on threads and memory"
    case .noDescriptors:
      return "expected file descriptors for the server, found none left; raise the limit on open files"
    case .rejected(let rejection):
      return rejection.message
    }
  }

  /// The answer to a request that failed with this error. Only a rejection is an error of the client.
  var rejection: Rejection {
    if case .rejected(let rejection) = self { return rejection }
    return Rejection(status: 500, message: description, kind: "server_error", code: "internal_error")
  }
}

/// Why a request is refused, with the fields of the OpenAI error body.
package struct Rejection: Sendable, Equatable {
  /// The HTTP status, 400 … 599.
  package var status: Int
  /// One sentence.
  package var message: String
  /// `error.type`.
  package var kind: String
  /// `error.param`: the field at fault.
  package var field: String?
  /// `error.code`.
  package var code: String?
  /// Further headers, such as `Retry-After` or `Allow`.
  package var headers: [HTTPHeader]
  /// Tokens of a prompt that is too long, and of the context.
  package var overflow: PromptOverflow?

  package init(
    status: Int, message: String, kind: String = "invalid_request_error", field: String? = nil,
    code: String? = nil, headers: [HTTPHeader] = []
  ) {
    self.status = status
    self.message = message
    self.kind = kind
    self.field = field
    self.code = code
    self.headers = headers
  }

  /// The server cannot answer: it is overloaded or shutting down.
  static func unavailable(_ message: String, code: String, retryAfterSeconds: Int) -> Rejection {
    Rejection(
      status: 503, message: message, kind: "server_error", code: code,
      headers: [HTTPHeader("Retry-After", String(retryAfterSeconds))])
  }
}
