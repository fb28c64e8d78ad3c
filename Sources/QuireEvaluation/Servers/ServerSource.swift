package import QuireRemote

/// A running server that is a row of an evaluation.
package struct ServerSource: Sendable, Equatable {
  package let address: RemoteAddress
  /// The model to ask for; nil: the only one that the server lists.
  package let model: String?
  package let key: String?
  /// The most seconds of one answer.
  package let seconds: Int

  package init(address: RemoteAddress, model: String? = nil, key: String? = nil, seconds: Int = 1800) {
    self.address = address
    self.model = model
    self.key = key
    self.seconds = seconds
  }
}

extension EvaluationError {
  static func remote(_ error: RemoteError) -> EvaluationError { .server(error.description) }
}
