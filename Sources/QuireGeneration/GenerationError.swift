/// Errors of engine options and requests. `description` is one sentence.
package enum GenerationError: Error, Equatable, CustomStringConvertible {
  /// An engine option is out of range or does not fit the model.
  case invalidOption(name: String, sentence: String)
  /// A field of a request is out of range. `field` is the name in `GenerationRequest` or `SamplingParameters`.
  case invalidRequest(field: String, sentence: String)
  /// The prompt fills the context, so that not even one token can be generated.
  case promptTooLong(PromptOverflow)
  /// The model computed unusable logits (NaN or infinite) for the answer's token or the prompt's position of this
  /// index.
  case unusableLogits(tokenIndex: Int)
  /// The constraint of a request cannot be followed further; one sentence says why.
  case unusableConstraint(String)
  /// The maximum number of requests runs or waits; a later try can succeed.
  case queueFull(limit: Int)
  /// The engine finishes its requests and accepts no new ones.
  case draining
  /// The engine was stopped.
  case stopped

  /// Constraint and fields of a request together leave no token.
  static let nothingAllowed = unusableConstraint(
    """
    expected a token that the request allows next, found none, because its constraint nests too deep or is too ambiguous, \
    or because its constraint, allowed tokens, forbidden words and biases contradict each other; simplify the constraint or \
    leave out one of them
    """)

  package var description: String {
    switch self {
    case .invalidOption(_, let sentence), .invalidRequest(_, let sentence), .unusableConstraint(let sentence):
      return sentence
    case .promptTooLong(let overflow):
      return """
        expected a prompt of fewer tokens than the context holds (\(overflow.contextLength)), found \
        \(overflow.promptTokenCount); \(overflow.advice)
        """
    case .unusableLogits(let tokenIndex):
      return """
        expected finite logits at token \(tokenIndex), found others, because the weights are damaged or \
        numbers overflow; verify the file and, if it is sound, try --kv-cache float32 or convert it with another recipe
        """
    case .queueFull(let limit):
      return "expected fewer than \(limit) requests running or waiting, found \(limit); try again later"
    case .draining:
      return
        "expected an engine that accepts requests, found one that is shutting down; send them to another one"
    case .stopped:
      return "expected a running engine, found one that has stopped; start a new one"
    }
  }
}
