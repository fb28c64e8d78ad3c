/// Everything that can be wrong with engine options or a request. `description` is one sentence.
package enum GenerationError: Error, Equatable, CustomStringConvertible {
  /// An engine option is out of range or does not fit the model.
  case invalidOption(name: String, sentence: String)
  /// A field of a request is out of range. `field` is the name in `GenerationRequest` or `SamplingParameters`.
  case invalidRequest(field: String, sentence: String)
  /// The prompt leaves no room for even one generated token.
  case promptTooLong(promptTokenCount: Int, contextLength: Int)
  /// The model gave logits from which nothing can be chosen, for the answer's token (or the prompt's position)
  /// of this index.
  case unusableLogits(tokenIndex: Int)
  /// The constraint of a request cannot be followed further; one sentence says why.
  case unusableConstraint(String)
  /// As many requests as allowed run or wait; trying again later can succeed.
  case queueFull(limit: Int)
  /// The engine finishes what it has and accepts nothing new.
  case draining
  /// The engine was stopped.
  case stopped

  package var description: String {
    switch self {
    case .invalidOption(_, let sentence), .invalidRequest(_, let sentence), .unusableConstraint(let sentence):
      return sentence
    case .promptTooLong(let promptTokenCount, let contextLength):
      return """
        expected a prompt of fewer tokens than the context holds (\(contextLength)), found \(promptTokenCount); \
        shorten the prompt or raise the context with --context
        """
    case .unusableLogits(let tokenIndex):
      return """
        expected finite logits at token \(tokenIndex), found others, because the weights are damaged or overflow; \
        verify the file and, if it is sound, convert it with another recipe
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
