import QuireJSON

/// The form of an error's body. It depends on the API that the path belongs to.
enum ErrorFormat: Sendable {
  case openAI
  case anthropic

  init(path: String) {
    let plain = Router.plainPath(path)
    self =
      plain == MessagesEndpoint.path || plain.hasPrefix(MessagesEndpoint.path + "/") ? .anthropic : .openAI
  }

  /// Headers of every answer on the paths of this API. Anthropic's clients show the id in their errors.
  func headers(requestID: String) -> [HTTPHeader] {
    self == .anthropic ? [HTTPHeader("request-id", requestID)] : []
  }

  func body(_ rejection: Rejection, requestID: String) -> JSONValue {
    switch self {
    case .openAI: rejection.json
    case .anthropic:
      [
        "type": "error", "error": .object(Self.anthropicError(rejection)), "request_id": .string(requestID),
      ]
    }
  }

  /// Anthropic's code for a request whose conversation the server should keep.
  static let threadCode = "thread_unsupported_request"

  private static func anthropicError(_ rejection: Rejection) -> JSONObject {
    var error: JSONObject = [
      "type": .string(anthropicType(rejection.status)), "message": .string(rejection.message),
    ]
    if rejection.code == threadCode {
      error["details"] = ["error_code": .string(threadCode), "unsupported": ["thread"]]
    }
    return error
  }

  func response(_ rejection: Rejection, requestID: String) -> HTTPResponse {
    .json(body(rejection, requestID: requestID), status: rejection.status, headers: rejection.headers)
  }

  private static func anthropicType(_ status: Int) -> String {
    switch status {
    case 401: "authentication_error"
    case 403: "permission_error"
    case 404: "not_found_error"
    case 413: "request_too_large"
    case 429: "rate_limit_error"
    case 503: "overloaded_error"
    case 500...: "api_error"
    default: "invalid_request_error"
    }
  }
}
