import QuireJSON

/// Reads the parameters of a request's query: `?limit=20`.
struct QueryFields {
  /// What clients send with any request and what changes nothing: the versions of Anthropic's and Azure's API.
  private static let withoutEffect: Set<String> = ["beta", "api-version"]

  private let parameters: [(name: String, value: String)]

  init(_ request: HTTPRequest) {
    parameters = request.query.filter { !$0.name.isEmpty }.map { parameter in
      (PercentEncoding.decoded(parameter.name), PercentEncoding.decoded(parameter.value))
    }
  }

  /// Every value of a parameter. A list is `name[]` in some clients.
  func values(_ name: String) -> [String] {
    parameters.filter { $0.name == name || $0.name == name + "[]" }.map(\.value)
  }

  /// The value of a parameter; `nil` where it is absent or empty.
  func value(_ name: String) -> String? { values(name).first { !$0.isEmpty } }

  /// The names that have no effect.
  ///
  /// - Parameter known: those that the endpoint reads.
  func unread(_ known: Set<String> = []) -> [String] {
    parameters.map(\.name).filter { name in
      let plain = name.hasSuffix("[]") ? String(name.dropLast(2)) : name
      return !known.contains(plain) && !Self.withoutEffect.contains(plain)
    }
  }

  func int(_ name: String, in range: ClosedRange<Int>) throws(ServingError) -> Int? {
    guard let value = value(name) else { return nil }
    guard let int = Int(value), range.contains(int) else {
      throw refusal(
        name, expected: "an integer from \(range.lowerBound) to \(range.upperBound)", found: value,
        advice: .correctOrOmit)
    }
    return int
  }

  /// Accepts a parameter only with values that ask for the server's normal behaviour.
  func require(_ name: String, isOneOf neutral: [String], because reason: String) throws(ServingError) {
    for value in values(name) where !value.isEmpty && !neutral.contains(value) {
      let accepted = neutral.map { "\"\($0)\"" }.joined(separator: " or ")
      throw refusal(
        name, expected: "\(accepted.isEmpty ? "no such parameter" : accepted), because \(reason)",
        found: value,
        advice: accepted.isEmpty ? .omit : .correctOrOmit)
    }
  }

  private func refusal(
    _ name: String, expected: String, found value: String, advice: FieldReader.Advice
  ) -> ServingError {
    .rejected(
      .badField(name, "\(name): expected \(expected), found \(Found.text(value)); \(advice.rawValue)"))
  }
}
